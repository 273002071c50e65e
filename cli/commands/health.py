"""`./airlock health`: how well batches come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.commands.options import examples, json_option, open_workspace
from cli.commands.output import note, print_facts, print_heading, print_json, print_table, waiting

if TYPE_CHECKING:
    from include.intake import Health, Intake
    from include.workspace import Workspace

_DAYS = 14


@click.command(
    epilog=examples(
        "./airlock health",
        "./airlock health flights --last 60",
        "./airlock health flights --json | jq '.[0].success_rate'",
    )
)
@click.argument("use_case", required=False, metavar="[USE_CASE]")
@click.option(
    "--last", type=click.IntRange(min=1), default=_DAYS, show_default=True, help="So many newest partitions."
)
@json_option
def health(use_case: str | None, last: int, as_json: bool) -> None:
    """Show how well batches come in, by partition and over time.

    For each date: what landed, what was set aside or refused, missing values in the key, the event
    time and the label, how unusual the batch was, and how long it took from landing to publication.
    The same figures are sent as metrics; docs/metrics.md names them.
    """
    workspace = open_workspace()
    with waiting("reading the ledger and the lake"):
        found = _found(workspace, use_case, last)
    if as_json:
        print_json(found)
        return
    for item in found:
        _print(item)
    if not found:
        note(f"No use case is declared in {workspace.settings.use_cases_dir}")


def _found(workspace: Workspace, use_case: str | None, last: int) -> list[Health]:
    from include.errors import UseCaseError
    from include.intake import health_of
    from include.use_case import use_case_names

    if use_case is not None:
        return [health_of(workspace.use_case(use_case), workspace, last=last)]
    found: list[Health] = []
    for name in use_case_names(workspace.settings):
        try:
            declared = workspace.use_case(name)
        except UseCaseError:
            note(f"{name} is declared wrongly; see what is wrong with: ./airlock use-cases")
            continue
        found.append(health_of(declared, workspace, last=last))
    return found


def _print(found: Health) -> None:
    print_heading(found.use_case)
    if not found.days:
        note(f"No batch of {found.use_case} was decided on yet.")
        return
    print_facts(
        [
            ("batches", f"{found.partitions} decided on, {_share(found.success_rate)} let in"),
            ("rejected", f"{_share(found.rejected_share)} of the rows; {found.held} held"),
            ("schema", f"{found.schema_violations} violations"),
            ("latency", f"{_seconds(found.latency_seconds)} from landing to publication, median"),
            ("drift", f"{_score(found.drift)} (1 - p), median"),
        ]
    )
    columns = ["partition", "verdict", "landed", "held", "released", "rejected", "nulls", "drift", "latency"]
    print_table(columns, [_row(day) for day in found.days], whole=["partition"])


def _row(day: Intake) -> list[object]:
    return [
        day.partition,
        day.verdict.value,
        day.landed,
        day.held,
        day.released,
        _share(day.rejected_share),
        _share(max(day.null_shares.values(), default=None)),
        _score(day.drift),
        _seconds(day.latency_seconds),
    ]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} s"
