"""`./airlock simulate`: the lifecycle of a year in minutes, under several policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.commands.options import examples, json_option, open_workspace, partition_key
from cli.commands.output import note, print_json, print_table, stderr

if TYPE_CHECKING:
    from include.settings import Settings
    from include.simulation.outcome import Outcome

_BASELINES = ("never", "always-weekly", "naive-gate", "declared")


@click.command(
    epilog=examples(
        "./airlock simulate flights --from 2013-01-01 --to 2013-12-31",
        "./airlock simulate flights --from 2013-01-01 --to 2013-06-30 --policy mine.yaml",
        "./airlock simulate flights --from 2013-01-01 --to 2013-12-31 --plot year.png",
    ),
)
@click.argument("use_case")
@click.option(
    "--from", "first", metavar="DATE", callback=partition_key, required=True, help="First data date."
)
@click.option("--to", "last", metavar="DATE", callback=partition_key, required=True, help="Last data date.")
@click.option(
    "--policy",
    "policies",
    metavar="NAME|FILE",
    multiple=True,
    help="`declared`, `never`, `always-weekly`, `naive-gate`, or a YAML file with sections training, "
    "evaluation, promotion, monitoring or alerts that are laid over the declaration. Repeat it to compare; "
    "all four by default.",
)
@click.option("--plot", metavar="FILE", help="Write a picture (PNG) of all policies.")
@click.option("--csv", "rows", metavar="FILE", help="Write one row per policy and week.")
@json_option
@click.pass_context
def simulate(  # noqa: PLR0917 -- click passes them by name
    ctx: click.Context,
    use_case: str,
    first: str,
    last: str,
    policies: tuple[str, ...],
    plot: str | None,
    rows: str | None,
    as_json: bool,
) -> None:
    """Replay a range of days under several policies, without Airflow.

    Runs the stages that the DAGs run, in their order, on the landed files: every decision is the one
    that the DAGs would have recorded. Ingestion and features are run once and kept, so that the next
    simulation of the same days starts with training. Nothing of the installation changes.

    A deployment is harmful when the new model was significantly worse than the one it replaced on the
    week that followed (one-sided, 5 %). An alarm is what would have been sent to people.
    """
    from include.simulation.comparison import draw, simulate, write_rows
    from include.simulation.history import days_of, prepare
    from include.simulation.policy import read_policy

    workspace, stands = open_workspace(), ctx.find_object(Path) or Path.cwd()
    declared = workspace.use_case(use_case)
    chosen = [read_policy(name, declared, folder=stands) for name in policies or _BASELINES]
    days_of(declared, first, last)
    settings = with_files(workspace.settings, use_case, first, last)
    with _progress() as bars:
        history = prepare(declared, first, last, settings=settings, progress=bars("data stages", first, last))
        tellers = {policy.name: bars(policy.name, first, last) for policy in chosen}
        outcomes = simulate(
            chosen, history, settings=settings, progress=lambda policy, day: tellers[policy](day)
        )
    if plot:
        draw(outcomes, Path(stands, plot), title=f"{use_case}, {first} to {last}")
    if rows:
        write_rows(outcomes, Path(stands, rows))
    if as_json:
        print_json([{**outcome.model_dump(), **_summary(outcome)} for outcome in outcomes])
    else:
        _print(outcomes)


def with_files(settings: Settings, use_case: str, first: str, last: str) -> Settings:
    """Land the flights of the range where the landing folder holds none of them; others land their own."""
    from include import partitions
    from include.storage import open_store

    template = "flights/{}.parquet"
    if use_case != "flights":
        return settings
    landing = open_store(settings.landing, settings)
    if any(landing.exists(template.format(day)) for day in partitions.span(first, last)):
        return settings
    from cli.landing import land_flights

    target = str(settings.home / "simulation" / "landing")
    note(f"{settings.landing} holds no flights of these days, so the real ones are landed in {target}")
    land_flights(target, first, last)
    return settings.model_copy(update={"landing_url": target})


@contextmanager
def _progress() -> Iterator[Callable[[str, str, str], Callable[[str], None]]]:
    """Yield a maker of bars over the days: on a terminal bars, elsewhere a line when one is full."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from include import partitions

    console = stderr()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:

        def over(name: str, first: str, last: str) -> Callable[[str], None]:
            task = bar.add_task(name, total=len(partitions.span(first, last)))

            def tell(day: str) -> None:
                bar.advance(task)
                if day == last and not console.is_terminal:
                    note(f"{name}: through")

            return tell

        yield over


def _summary(outcome: Outcome) -> dict[str, Any]:
    return {
        "mean_weekly_auc": outcome.mean_auc,
        "trainings_started": len(outcome.trainings),
        "promotions": len(outcome.deployments) + bool(outcome.weeks),
        "harmful": outcome.harmful,
        "harmful_by_days": sum(found.harmful_by_days for found in outcome.deployments),
        "alarm_weeks": outcome.alarm_weeks,
    }


def _print(outcomes: list[Outcome]) -> None:
    columns = ("policy", "mean AUC", "trainings", "promotions", "harmful", "by days", "alarm weeks")
    print_table(
        columns,
        [
            (
                outcome.policy,
                f"{found['mean_weekly_auc']:.4f}",
                found["trainings_started"],
                found["promotions"],
                found["harmful"],
                found["harmful_by_days"],
                f"{len(found['alarm_weeks'])} of {len(outcome.weeks)}",
            )
            for outcome in outcomes
            for found in [_summary(outcome)]
        ],
        whole=("policy",),
    )
    if outcomes:
        note(f"refused batches: {', '.join(outcomes[0].refused) or 'none'}")
