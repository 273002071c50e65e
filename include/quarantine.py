"""What was set aside, and what people have decided about it since.

The table `<uc>/quarantine` holds one row for each landed row that broke a rule of severity `quarantine`,
whole, as JSON text: rows of several tables and of every contract that ever was stand beside each other, and a
column whose type the contract changed must not lock the earlier ones out. What became of a row is decided in
the ledger (gates `release` and `discard`) and repeated in the table's column `state`; where the two differ, a
task was killed in between and the ledger is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.errors import ArtefactCorrupted
from include.hashing import canonical_json, digest_bytes
from include.storage import ObjectStore

if TYPE_CHECKING:
    import pandas as pd

    from include.lake import Lake
    from include.workspace import Workspace

TABLE = "quarantine"
RELEASE: Literal["release"] = "release"
DISCARD: Literal["discard"] = "discard"
State = Literal["held", "released", "discarded"]
HELD: State = "held"
RELEASED: State = "released"
DISCARDED: State = "discarded"
_GATES: dict[State, str] = {RELEASED: RELEASE, DISCARDED: DISCARD}
COLUMNS = (
    "table",  # `batch`, or the name of a side table
    "row",  # position in the landed table, from 0
    "rule",  # names of the rules that it breaks, in order
    "value",  # JSON: the offending value by rule
    "data",  # JSON: the whole row
    "state",
    "decision_id",  # the ingestion that set it aside
    "settled_by",  # the release or discard, empty while held
    "file_hash",
)


class Settlement(BaseModel):
    """One decision of a person about rows that were set aside.

    Attributes:
        file_hash: hash of the landed table that the positions speak of. Another delivery is judged afresh.
        known_at: data time from which released rows may be seen.
        rules: what the rows were set aside for when a person looked at them. A release covers these and no
            others: a row that breaks a further rule is held again.
        rows: positions in the landed table, in order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision_id: str
    kind: State
    table: str
    file_hash: str
    known_at: date
    rules: list[str]
    rows: list[int]


def settlements(
    workspace: Workspace, use_case: str, partition: str, *, table: str, file_hash: str
) -> list[Settlement]:
    """Return what was decided about the rows of one landed table: releases first, each kind in its order.

    Raises:
        ArtefactCorrupted: a list of rows differs from the hash in its decision.
    """
    return [
        Settlement(
            decision_id=decision.id,
            kind=kind,
            table=table,
            file_hash=file_hash,
            known_at=partitions.parse(decision.as_of),
            rules=sorted(decision.evidence["rules"]),
            rows=read_selection(workspace.selections, decision.evidence["selection"]),
        )
        for kind, gate in _GATES.items()
        for decision in reversed(workspace.ledger.find(use_case=use_case, gate=gate, partition=partition))
        if decision.verdict.opens
        and (decision.evidence["table"], decision.evidence["file_hash"]) == (table, file_hash)
    ]


def keep_selection(selections: ObjectStore, rows: Iterable[int]) -> str:
    """Write a list of positions under its hash and return the hash.

    Only the hash stands in the decision: a release may name more rows than a ledger should carry.
    """
    content = canonical_json(as_ranges(rows)).encode()
    name = digest_bytes(content)
    selections.put_if_absent(f"{name}.json", content)
    return name


def read_selection(selections: ObjectStore, name: str) -> list[int]:
    """Return the positions that were kept under a hash.

    Raises:
        ArtefactCorrupted: the content has another hash.
    """
    content = selections.get(f"{name}.json")
    if digest_bytes(content) != name:
        raise ArtefactCorrupted(
            f"{selections.address(f'{name}.json')} differs from the hash in its decision; "
            "restore it from a backup"
        )
    return [row for first, last in json.loads(content) for row in range(first, last + 1)]


def as_ranges(rows: Iterable[int]) -> list[list[int]]:
    """Write positions as runs, both ends included.

    >>> as_ranges([7, 3, 4, 5])
    [[3, 5], [7, 7]]
    """
    runs: list[list[int]] = []
    for row in sorted(set(rows)):
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return runs


def read_quarantine(lake: Lake, use_case: str, keys: list[str] | None = None) -> pd.DataFrame:
    """Return the rows that were set aside, of some partitions or of all; empty when there are none."""
    import pandas as pd

    if lake.find(use_case, TABLE) is None:
        return pd.DataFrame(columns=["partition", *COLUMNS])
    columns = ["partition", *COLUMNS]
    rows = lake.read(use_case, TABLE, partitions=keys, columns=columns)
    return rows.sort_values(["partition", "table", "row"], kind="stable", ignore_index=True)
