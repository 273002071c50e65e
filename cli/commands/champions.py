"""`./airlock champions`: which model was in use when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.commands.options import examples, json_option, open_workspace, partition_key
from cli.commands.output import labelled, note, print_facts, print_heading, print_json, print_table

if TYPE_CHECKING:
    from include.lineage import Term


@click.command(
    epilog=examples(
        "./airlock champions flights",
        "./airlock champions flights --at 2013-02-12",
        "./airlock champions flights --json | jq -r '.[0].version'",
    ),
)
@click.argument("use_case")
@click.option(
    "--at",
    "date",
    metavar="DATE",
    callback=partition_key,
    help="Only the model that decides on this data date.",
)
@json_option
def champions(use_case: str, date: str | None, as_json: bool) -> None:
    """Show which model was in use when.

    A champion decides on the partitions from its promotion to the next one. Scoring, monitoring and
    late backfills all ask the ledger this question, so a replay gives the answers of the time. Dates
    are data dates.
    """
    from include.lineage import champion_terms

    workspace = open_workspace()
    terms = champion_terms(workspace.ledger, use_case)
    if not terms:
        workspace.use_case(use_case)  # says so when there is no such use case
    if date is None:
        print_json(terms) if as_json else _print_history(use_case, terms)
        return
    term = next((term for term in terms if term.covers(date)), None)
    if as_json:
        print_json(term)
    elif term is None:
        note(f"{use_case} had no champion on {date}; see all with: ./airlock champions {use_case}")
    else:
        _print_term(use_case, date, term)


def _print_history(use_case: str, terms: list[Term]) -> None:
    if not terms:
        note(f"No model of {use_case} has been promoted yet; train one with the DAG {use_case}.train")
        return
    # Actor last: it is the one whose length nobody knows.
    columns = ("version", "decides on", "decision", "actor")
    rows = [(term.version, _dates(term), term.decision_id, term.actor) for term in terms]
    print_table(columns, rows, whole=("decides on", "decision"))


def _dates(term: Term) -> str:
    if not term.decides:
        return "no date"
    return f"{term.effective_from}.." + (term.until or "")


def _print_term(use_case: str, date: str, term: Term) -> None:
    print_heading(f"version {term.version} decides on {use_case} {date}")
    print_facts(
        [
            ("as of", term.as_of),
            ("decides on", _dates(term)),
            *labelled("reasons", term.reasons),
            ("actor", term.actor),
            ("run", term.run_id),
            ("promotion", term.decision_id),
            ("evaluation", term.evaluation_id),
        ]
    )
