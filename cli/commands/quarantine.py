"""`./airlock quarantine`: rows that were set aside, listed and shown; `quarantine_settling` decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cli.commands.options import examples, json_option, open_workspace
from cli.commands.output import labelled, note, print_facts, print_json, print_table
from cli.commands.quarantine_choice import choose_rows
from cli.commands.quarantine_settling import discard, release

if TYPE_CHECKING:
    import pandas as pd

    from include.ingestion.release import Choice

_STATES = ("held", "released", "discarded")
_SHOWN = 20


@click.group(
    epilog=examples(
        "./airlock quarantine                                    where rows are held",
        "./airlock quarantine show flights 2013-02-11",
        "./airlock quarantine release flights 2013-02-11 --rule distance.range",
        "./airlock quarantine discard flights 2013-02-11 --row 17 --reason 'test flights'",
    ),
    invoke_without_command=True,
)
@json_option
@click.pass_context
def quarantine(ctx: click.Context, as_json: bool) -> None:
    """Show, release or discard rows that were set aside.

    A row that breaks a rule of severity `quarantine` does not refuse its batch: it is set aside, whole,
    with the rule and the value. It stays there until a person releases or discards it, and the ledger
    says who did and why. Without a subcommand, what every use case holds.
    """
    if ctx.invoked_subcommand is None:
        _list(None, as_json)


@quarantine.command(
    "list", epilog=examples("./airlock quarantine list flights", "./airlock quarantine list --json")
)
@click.argument("use_case", required=False, metavar="[USE_CASE]")
@json_option
def list_(use_case: str | None, as_json: bool) -> None:
    """List the partitions with rows that were set aside."""
    _list(use_case, as_json)


def _list(use_case: str | None, as_json: bool) -> None:
    from include.quarantine import read_quarantine
    from include.use_case import use_case_names

    workspace = open_workspace()
    found: list[dict[str, Any]] = []
    for name in [use_case] if use_case else use_case_names(workspace.settings):
        rows = read_quarantine(workspace.lake, name)
        for (partition, table), group in rows.groupby(["partition", "table"], sort=True):
            states = group["state"].value_counts()
            counts = {state: int(states.get(state, 0)) for state in _STATES}
            rules = sorted({rule for text in group["rule"] for rule in text.split(", ")})
            found.append({"use_case": name, "partition": partition, "table": table, **counts, "rules": rules})
    if as_json:
        print_json(found)
    elif found:
        cells = [[*list(item.values())[:-1], ", ".join(item["rules"])] for item in found]
        print_table(["use case", "partition", "table", *_STATES, "rules"], cells, whole=["partition"])
    else:
        note("No row was ever set aside.")


@quarantine.command(
    epilog=examples(
        "./airlock quarantine show flights 2013-02-11",
        "./airlock quarantine show flights 2013-02-11 --json | jq '.[].data'",
    )
)
@choose_rows(all_if_unnamed=True)
@click.option(
    "--limit", type=click.IntRange(min=1), default=_SHOWN, show_default=True, help="At most so many."
)
@json_option
def show(*, use_case: str, choice: Choice, limit: int, as_json: bool) -> None:
    """Show the rows of a date that were set aside, whole, with the rule and the value."""
    from include.quarantine import read_quarantine

    workspace = open_workspace()
    found = choice.of(read_quarantine(workspace.lake, use_case, [choice.partition]))
    if as_json:
        print_json([_row(row) for row in found.to_dict("records")])
        return
    _print_rows(found, limit)


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    return row | {"value": json.loads(row["value"]), "data": json.loads(row["data"])}


def _print_rows(found: pd.DataFrame, limit: int) -> None:
    for row in found.head(limit).to_dict("records"):
        by = f" by decision {row['settled_by']}" if row["settled_by"] else ""
        values = [f"{rule}: {value}" for rule, value in json.loads(row["value"]).items()]
        print_facts(
            [
                ("row", f"{row['row']} of {row['table']}, {row['state']}{by}"),
                *labelled("breaks", values),
                ("data", row["data"]),
            ]
        )
    if found.empty:
        note("No such row was set aside. See where some are with: ./airlock quarantine list")
    elif len(found) > limit:
        note(f"These are {limit} of {len(found)}; see more with --limit {len(found)}")


quarantine.add_command(release)
quarantine.add_command(discard)
