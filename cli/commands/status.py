"""`./airlock status`: the state of everything on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.commands.options import examples, json_option, open_workspace
from cli.commands.output import note, print_facts, print_heading, print_json, styled, waiting

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.workspace import Workspace

_WATCHED = ("drift", "performance")
_SHOWN = 3


@click.command(
    epilog=examples(
        "./airlock status",
        "./airlock status flights --json | jq '.use_cases[0].alarms'",
    ),
)
@click.argument("names", nargs=-1, metavar="[USE_CASE]...")
@json_option
def status(names: tuple[str, ...], as_json: bool) -> None:
    """Show the state of every use case on one screen.

    How far the data came, what was refused, which model is in use, and whether the newest monitored
    partition stands in an alarm. Dates are data dates. An alarm is open while the newest verdict of
    its gate is warn.
    """
    from include.use_case import use_case_names

    workspace = open_workspace()
    with waiting("reading the ledger and the lake"):
        declared = use_case_names(workspace.settings)
        found = [_state(workspace, name) for name in names or declared]
        count, head = workspace.ledger.verify()
    if as_json:
        print_json({"use_cases": found, "decisions": count, "ledger_head": head})
        return
    for state in found:
        _print(state)
    if not found:
        note(f"No use case is declared in {workspace.settings.use_cases_dir}")
    print_facts([("ledger", f"{count} decisions, the chain holds"), ("head", head)])


def _state(workspace: Workspace, name: str) -> dict[str, Any]:
    from include.errors import UseCaseError
    from include.use_case import use_case_names

    if name not in use_case_names(workspace.settings):
        workspace.use_case(name)  # says that there is none
    try:
        title = workspace.use_case(name).title
    except UseCaseError as error:
        return {"use_case": name, "error": str(error)}
    return {
        "use_case": name,
        "title": title,
        "error": None,
        **_data(workspace, name),
        "champion": _champion(workspace.ledger, name),
        **_health(workspace.ledger, name),
    }


def _data(workspace: Workspace, name: str) -> dict[str, Any]:
    newest = workspace.ledger.newest_by_partition(name, "ingestion")
    refused = [partition for partition, decision in newest.items() if not decision.verdict.opens]
    return {
        "ingested": _extent(workspace.lake.partitions(name, "batches")),
        "refused": _extent(refused),
        "scored": _extent(workspace.lake.partitions(name, "predictions")),
    }


def _extent(partitions: list[str]) -> dict[str, Any]:
    return {"partitions": len(partitions), "newest": partitions[: -_SHOWN - 1 : -1]}


def _champion(ledger: Ledger, name: str) -> dict[str, str] | None:
    from include.champions import newest_champion

    champion = newest_champion(ledger, name)
    if champion is None:
        return None
    fields = ("version", "as_of", "effective_from", "run_id", "decision_id")
    return {field: getattr(champion, field) for field in fields}


def _health(ledger: Ledger, name: str) -> dict[str, Any]:
    """Return the newest verdict of each watching gate, by data date, and which of them are alarms."""
    found: dict[str, Any] = {}
    for gate in _WATCHED:
        decisions = list(ledger.newest_by_partition(name, gate).values())
        found[gate] = (
            {
                "partition": decisions[-1].partition,
                "verdict": decisions[-1].verdict.value,
                "reasons": decisions[-1].reasons,
                "decision_id": decisions[-1].id,
            }
            if decisions
            else None
        )
    alarms = [gate for gate in _WATCHED if found[gate] and found[gate]["verdict"] == "warn"]
    return {**found, "alarms": alarms}


def _print(state: dict[str, Any]) -> None:
    print_heading(f"{state['use_case']}" + (f": {state['title']}" if not state["error"] else ""))
    if state["error"]:
        print_facts([("broken", styled(state["error"], "red"))], indent=2)
        return
    champion = state["champion"]
    in_use = (
        "none yet"
        if champion is None
        else (
            f"version {champion['version']}, as of {champion['as_of']}, "
            f"decides from {champion['effective_from']} on"
        )
    )
    print_facts(
        [
            ("ingested", _told(state["ingested"])),
            ("refused", _told(state["refused"])),
            ("scored", _told(state["scored"])),
            ("champion", in_use),
            *((gate, _verdict(state[gate])) for gate in _WATCHED),
            ("alarms", styled(", ".join(state["alarms"]), "bold yellow") if state["alarms"] else "none open"),
        ],
        indent=2,
    )


def _told(extent: dict[str, Any]) -> str:
    if not extent["partitions"]:
        return "none"
    return f"{extent['partitions']} partitions, newest {', '.join(extent['newest'])}"


def _verdict(found: dict[str, Any] | None) -> str:
    if found is None:
        return "not watched yet"
    return f"{found['partition']} {found['verdict']}: {'; '.join(found['reasons'])}"
