"""Rows of a partition that were set aside, and what was decided about them."""

from __future__ import annotations

from include.decisions import Decision
from include.lake import RELEASED_BY, Lake
from include.lineage.facts import Fact, Rows, read_rows
from include.quarantine import DISCARD, DISCARDED, HELD, RELEASE, RELEASED, read_quarantine
from include.workspace import Workspace


class SetAside(Fact):
    """The rows of one landed table that broke a rule of severity `quarantine`.

    Attributes:
        file_hash: of the file that they landed in.
        decisions: ids of the releases and discards, in no order.
    """

    partition: str
    table: str
    file_hash: str
    held: int
    released: int
    discarded: int
    rules: list[str]
    decisions: list[str]


def set_aside(lake: Lake, use_case: str, partition: str) -> list[SetAside]:
    """Return what a partition holds in the quarantine, one fact for each of its tables."""
    found: list[SetAside] = []
    kept = read_quarantine(lake, use_case, [partition])
    for (table, file_hash), rows in kept.groupby(["table", "file_hash"], sort=True):
        states = rows["state"].value_counts()
        found.append(
            SetAside(
                partition=partition,
                table=str(table),
                file_hash=str(file_hash),
                held=int(states.get(HELD, 0)),
                released=int(states.get(RELEASED, 0)),
                discarded=int(states.get(DISCARDED, 0)),
                rules=sorted({rule for text in rows["rule"] for rule in text.split(", ")}),
                decisions=sorted(set(rows["settled_by"]) - {""}),
            )
        )
    return found


def settled_rows(
    workspace: Workspace, use_case: str, partition: str, batch: Rows
) -> tuple[list[Decision], list[str]]:
    """Return the releases and discards of rows of the published batch's file.

    The second list holds the ids of releases that rows of the batch name and the ledger does not hold.
    """
    found = [
        decision
        for gate in (RELEASE, DISCARD)
        for decision in workspace.ledger.find(use_case=use_case, gate=gate, partition=partition)
        if decision.verdict.opens and decision.evidence["file_hash"] == batch.source_hash
    ]
    rows = read_rows(workspace.lake, use_case, "batches", partition)
    named = set() if rows is None or RELEASED_BY not in rows else set(rows[RELEASED_BY].dropna())
    return found, sorted(named - {decision.id for decision in found})
