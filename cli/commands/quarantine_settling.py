"""`./airlock quarantine release` and `discard`: what a person decides about rows that were set aside."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from cli.commands.options import examples, json_option, open_workspace
from cli.commands.output import labelled, note, print_facts, print_json, styled, waiting
from cli.commands.quarantine_choice import choose_rows
from cli.production import decided_by_airflow

if TYPE_CHECKING:
    from include.decisions import Decision
    from include.ingestion.release import Choice
    from include.lineage import ModelWithout
    from include.workspace import Workspace

_actor = click.option(
    "--actor", default=getpass.getuser, metavar="NAME", help="Who decides; your login if left out."
)


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


@click.command(
    epilog=examples(
        "./airlock quarantine release flights 2013-02-11 --rule distance.range",
        "./airlock quarantine release flights 2013-02-11 --all --exception 'ferry flights'",
    )
)
@choose_rows(all_if_unnamed=False)
@_actor
@click.option(
    "--exception",
    default="",
    metavar="REASON",
    help="Sign off what the rows were set aside for; any other rule still holds.",
)
@json_option
def release(*, use_case: str, choice: Choice, actor: str, exception: str, as_json: bool) -> None:
    """Let rows in that were set aside, after the gate has looked again.

    The rows are judged by the contract as it is now. What they keep lets them in; what they were set
    aside for can be waived with --exception, with your reason. They are merged into their partition in
    one commit and may be seen from the day of the correction on, in data time.
    """
    from include.ingestion.release import release as let_in

    workspace = open_workspace()
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
        f"Features of {choice.partition} were built without these rows: run {use_case}.features for it "
        f"again, then {use_case}.score"
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


@click.command(epilog=examples("./airlock quarantine discard flights 2013-02-11 --all --reason 'sent twice'"))
@choose_rows(all_if_unnamed=False)
@_actor
@click.option("--reason", required=True, metavar="TEXT", help="Why nobody needs them.")
@json_option
def discard(*, use_case: str, choice: Choice, actor: str, reason: str, as_json: bool) -> None:
    """Give rows up for good. They stay in the raw file, and are marked in the quarantine."""
    from include.ingestion.release import discard as give_up

    workspace = open_workspace()
    declared = workspace.use_case(use_case)
    if workspace.settings.production:
        decision = _by_airflow(workspace, declared.name, choice, "discard", reason)
    else:
        decision = give_up(declared, choice, reason=reason, actor=actor, workspace=workspace)
    print_json({"decision": decision}) if as_json else _print_decision(decision)
