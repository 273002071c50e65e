"""What a person sees of the demo: the progress of each week, and the summary."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from cli.demo.calendar import Week
from cli.demo.findings import Findings, verdicts

_COLOURS = {"pass": "green", "warn": "yellow", "refuse": "red", "undecided": "magenta"}
_GATES = ("training", "evaluation", "promotion")


def coloured(verdict: str) -> str:
    """Return a verdict in its colour."""
    return f"[{_COLOURS[verdict]}]{verdict}[/]"


def summary(found: Findings, weeks: list[Week], console: Console) -> None:
    """Print the outcome of a replay."""
    _batches(found, console)
    _trainings(found, console)
    _alarms(found, console)
    _auc(found, weeks, console)
    if found.problems:
        console.print("\n[bold red]The replay did not go as it should:[/]")
        for problem in found.problems:
            console.print(f"  {problem}", highlight=False)
    else:
        console.print("\n[bold green]The replay went as it should.[/]")


def _batches(found: Findings, console: Console) -> None:
    counts = verdicts(list(found.ingested.values()))
    accepted = counts["pass"] + counts["warn"]
    warned, refused = counts["warn"], counts["refuse"]
    console.print(f"\n[bold]Batches[/]: {accepted} accepted ({warned} with a warning), {refused} refused")
    for day, decision in found.ingested.items():
        if not decision.verdict.opens:
            console.print(f"  {day} {coloured('refuse')}", highlight=False)
            for reason in decision.reasons:
                console.print(f"    {reason}", highlight=False, soft_wrap=True)


def _trainings(found: Findings, console: Console) -> None:
    table = Table(title="Trainings", title_justify="left", title_style="bold")
    for heading in ("as of", "why", "evaluation", "promotion", "reason"):
        table.add_column(heading, overflow="fold")
    for as_of, decisions in found.trainings.items():
        last = {decision.gate: decision for decision in decisions}
        furthest = max(decisions, key=lambda decision: _GATES.index(decision.gate))
        table.add_row(
            as_of,
            str(last["training"].evidence["reason"]) if "training" in last else "",
            coloured(last["evaluation"].verdict.value) if "evaluation" in last else "",
            coloured(last["promotion"].verdict.value) if "promotion" in last else "",
            furthest.reasons[0],
        )
    console.print(table)


def _alarms(found: Findings, console: Console) -> None:
    marked = ", ".join(f"{gate}: {' '.join(days) or 'none'}" for gate, days in found.marked.items())
    console.print(f"[bold]Marked days[/]: {marked}", highlight=False)
    for order in found.orders:
        console.print(f"[bold]Training ordered by monitoring[/]: {order.reasons[0]}", highlight=False)


def _auc(found: Findings, weeks: list[Week], console: Console) -> None:
    table = Table(title="AUC of the champion by week", title_justify="left", title_style="bold")
    for heading in ("week", "AUC", ""):
        table.add_column(heading)
    for week in weeks:
        auc = found.auc.get(week.days[-1])
        bar = "" if auc is None else "█" * round((auc - 0.5) * 100)
        note = " drill" if week.drill else ""
        shown = "no champion yet" if auc is None else f"{auc:.3f}"
        table.add_row(f"{week.days[0]} to {week.days[-1]}{note}", shown, bar)
    console.print(table)


def week_line(week: Week, found: Findings) -> str:
    """Return one line about a week that is through."""
    ingested = [found.ingested[day] for day in week.days if day in found.ingested]
    refused = [decision.partition for decision in ingested if not decision.verdict.opens]
    marked = sorted({day for days in found.marked.values() for day in days} & set(week.days))
    decisions = found.trainings.get(week.as_of, [])
    furthest = max(decisions, key=lambda decision: _GATES.index(decision.gate), default=None)
    trained = f"{furthest.gate} {coloured(furthest.verdict.value)}" if furthest else "not trained"
    drill = " (drill)" if week.drill else ""
    parts = [
        f"{week.days[0]} to {week.days[-1]}{drill}: {len(ingested) - len(refused)} accepted",
        *([f"[red]{' '.join(map(str, refused))} refused[/]"] if refused else []),
        *([f"[yellow]{' '.join(marked)} marked[/]"] if marked else []),
        f"as of {week.as_of}: {trained}",
    ]
    return ", ".join(parts)
