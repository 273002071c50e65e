"""`./airlock quarantine`: rows that were set aside, and what a person decides about them."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.commands.options import examples, json_option, open_workspace, partition_key
from cli.commands.output import labelled, note, print_facts, print_json, print_table, styled, waiting
from cli.production import decided_by_airflow

if TYPE_CHECKING:
    import pandas as pd

    from include.decisions import Decision
    from include.ingestion.release import Choice
    from include.lineage import ModelWithout
    from include.workspace import Workspace

_Command = TypeVar("_Command", bound=Callable[..., Any])
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


def _chosen(command: _Command) -> _Command:
    """Add what names rows: use case, date, table, positions, rules."""
    for decorate in reversed(
        [
            click.argument("use_case"),
            click.argument("partition", metavar="DATE", callback=partition_key),
            click.option(
                "--table", default="batch", show_default=True, help="The batch, or the name of a side table."
            ),
            click.option(
                "--row", "rows", type=click.IntRange(min=0), multiple=True, help="Only this row; repeatable."
            ),
            click.option(
                "--rule", "rules", metavar="RULE", multiple=True, help="Only rows that broke it; repeatable."
            ),
        ]
    ):
        command = decorate(command)
    return command


def _decided(command: _Command) -> _Command:
    """Add who decides, and the explicit choice of everything."""
    actor = click.option(
        "--actor", default=getpass.getuser, metavar="NAME", help="Who decides; your login if left out."
    )
    everything = click.option("--all", "everything", is_flag=True, help="All rows that are held there.")
    return everything(actor(command))


def _choice(
    partition: str, table: str, rows: tuple[int, ...], rules: tuple[str, ...], *, everything: bool
) -> Choice:
    from include.ingestion.release import Choice

    if not (rows or rules or everything):
        raise click.UsageError("Name the rows with --row or --rule, or take all that are held with --all")
    return Choice(partition=partition, table=table, rows=rows or None, rules=rules or None)


def _by_airflow(workspace: Workspace, use_case: str, choice: Choice, action: str, reason: str) -> Decision:
    """Let Airflow settle the rows, in the caller's own name."""
    conf = {
        "action": action,
        "partition": choice.partition,
        "table": choice.table,
        "rows": list(choice.rows) if choice.rows is not None else None,
        "rules": list(choice.rules) if choice.rules is not None else None,
        "reason": reason,
    }
    return decided_by_airflow(workspace, f"{use_case}.quarantine", task_id="settle", gate=action, conf=conf)


@quarantine.command(
    epilog=examples(
        "./airlock quarantine show flights 2013-02-11",
        "./airlock quarantine show flights 2013-02-11 --json | jq '.[].data'",
    )
)
@_chosen
@click.option(
    "--limit", type=click.IntRange(min=1), default=_SHOWN, show_default=True, help="At most so many."
)
@json_option
def show(
    *,
    use_case: str,
    partition: str,
    table: str,
    rows: tuple[int, ...],
    rules: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """Show the rows of a date that were set aside, whole, with the rule and the value."""
    from include.quarantine import read_quarantine

    workspace = open_workspace()
    kept = read_quarantine(workspace.lake, use_case, [partition])
    found = _choice(partition, table, rows, rules, everything=True).of(kept)
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


@quarantine.command(
    epilog=examples(
        "./airlock quarantine release flights 2013-02-11 --rule distance.range",
        "./airlock quarantine release flights 2013-02-11 --all --exception 'ferry flights'",
    )
)
@_chosen
@_decided
@click.option(
    "--exception",
    default="",
    metavar="REASON",
    help="Sign off what the rows were set aside for; any other rule still holds.",
)
@json_option
def release(
    *,
    use_case: str,
    partition: str,
    table: str,
    rows: tuple[int, ...],
    rules: tuple[str, ...],
    everything: bool,
    actor: str,
    exception: str,
    as_json: bool,
) -> None:
    """Let rows in that were set aside, after the gate has looked again.

    The rows are judged by the contract as it is now. What they keep lets them in; what they were set
    aside for can be waived with --exception, with your reason. They are merged into their partition in
    one commit and may be seen from the day of the correction on, in data time.
    """
    from include.ingestion.release import release as let_in

    workspace = open_workspace()
    choice = _choice(partition, table, rows, rules, everything=everything)
    declared = workspace.use_case(use_case)
    with waiting("judging and merging the rows"):
        if workspace.settings.production:
            decision = _by_airflow(workspace, declared.name, choice, "release", exception)
        else:
            decision, _ = let_in(declared, choice, exception=exception, actor=actor, workspace=workspace)
        models, silent = _models_without(workspace, use_case, choice, decision)
    if as_json:
        print_json(
            {"decision": decision, "rows": decision.data_refs, "trained_without": models, "note": silent}
        )
        return
    _print_decision(decision)
    print_facts(
        labelled("trained without", [_model(model) for model in models])
        or [("trained without", silent or "no model used this partition")]
    )
    note(
        f"Features of {partition} were built without these rows: run {use_case}.features for it again, then "
        f"{use_case}.score"
    )


def _models_without(
    workspace: Workspace, use_case: str, choice: Choice, decision: Decision
) -> tuple[list[ModelWithout], str]:
    from include.errors import Outage
    from include.lineage import trained_without

    try:
        return (
            trained_without(workspace, use_case, choice.partition, table=choice.table, release=decision),
            "",
        )
    except Outage as error:
        return [], f"not known: {error}"


def _model(model: ModelWithout) -> str:
    versions = ", ".join(f"version {term.version}" for term in model.terms) or "never a champion"
    return f"run {model.run_id}, as of {model.as_of}: {versions}"


def _print_decision(decision: Decision) -> None:
    print_facts(
        [
            ("verdict", styled(decision.verdict.value)),
            *labelled("", decision.reasons),
            ("by", decision.actor),
            ("decision", decision.id),
        ]
    )


@quarantine.command(
    epilog=examples("./airlock quarantine discard flights 2013-02-11 --all --reason 'sent twice'")
)
@_chosen
@_decided
@click.option("--reason", required=True, metavar="TEXT", help="Why nobody needs them.")
@json_option
def discard(
    *,
    use_case: str,
    partition: str,
    table: str,
    rows: tuple[int, ...],
    rules: tuple[str, ...],
    everything: bool,
    actor: str,
    reason: str,
    as_json: bool,
) -> None:
    """Give rows up for good. They stay in the raw file, and are marked in the quarantine."""
    from include.ingestion.release import discard as give_up

    workspace = open_workspace()
    choice = _choice(partition, table, rows, rules, everything=everything)
    declared = workspace.use_case(use_case)
    if workspace.settings.production:
        decision = _by_airflow(workspace, declared.name, choice, "discard", reason)
    else:
        decision = give_up(declared, choice, reason=reason, actor=actor, workspace=workspace)
    print_json({"decision": decision}) if as_json else _print_decision(decision)
