"""Two installations that have lived through the same: what their tables hold and what their decisions say.

Moments, and names that are drawn anew in each installation, are left out; everything else has to be equal.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import pandas as pd

from include.champions import champions_of
from include.lake import PARTITION, RELEASED_BY, SIDE_TABLE_PREFIX, TABLES
from include.workspace import Workspace

# When a row was written, and the names of decisions, are drawn anew in each installation.
DIFFERING = {"ingested_at", "landed_at", "published_at", "decision_id", "promotion_id", "drift_id"}
# Hashes that cover those names.
DERIVED = {
    "snapshots": {"content_hash"},
    "predictions": {"content_hash", "contract_hash"},
    "metrics": {"content_hash", "contract_hash", "source_hash"},
}
# Where rows were set aside or released, the names of those decisions stand in the rows.
SETTLED = {
    "batches": {RELEASED_BY, "content_hash"},
    "quarantine": {"settled_by", "content_hash"},
    "snapshots": {"rows_hash", "dataset_id", "content_hash"},
    "features": {"source_hash", "content_hash"},
    "feature_profiles": {"source_hash", "content_hash"},
    "feature_aggregates": {"source_hash", "content_hash"},
    "labels": {"source_hash", "content_hash"},
    "predictions": {"source_hash", "content_hash", "contract_hash"},
}
# So are the names of runs; a model's files hold them. Who asked for a training is not the same either.
DRAWN = {
    "run_id", "evaluated_run_id", "evaluation_id", "promotion_id", "uri", "sha256", "trained_sha256",
    "reason", "ingestion_id", "withdrawn_run_id",
}  # fmt: skip
# How long a model took and what it held in memory is a matter of the moment; its files hold drawn names.
MEASURED = {"load_s", "one_ms", "bulk_s", "memory_mb", "model_mb"}


def equal(
    undisturbed: Workspace,
    disturbed: Workspace,
    use_case: str,
    *,
    settled: bool = False,
    copied_from: Sequence[Workspace] = (),
) -> list[str]:
    """Return how the tables, decisions and champions of two installations differ; nothing when they do not.

    Args:
        undisturbed: what it should be like.
        disturbed: what it is like.
        use_case: of which use case.
        settled: whether rows were released or given up; the hashes that cover those decisions' names are
            left out then.
        copied_from: installations that both are copies of; their addresses stand in older decisions.
    """
    tables = dict.fromkeys([*TABLES, *side_tables(undisturbed, use_case), *side_tables(disturbed, use_case)])
    found = [
        line
        for table in tables
        for line in different_rows(undisturbed, disturbed, use_case, table, settled=settled)
    ]
    found += different_decisions(undisturbed, disturbed, use_case, copied_from=copied_from)
    here, there = (
        [(one.version, one.as_of, one.effective_from) for one in champions_of(workspace.ledger, use_case)]
        for workspace in (undisturbed, disturbed)
    )
    return found + ([] if here == there else [f"champions: {here} | {there}"])


def side_tables(workspace: Workspace, use_case: str) -> list[str]:
    """Return the names in the lake of a use case's side tables."""
    declared = workspace.use_case(use_case).source.side_tables
    return [f"{SIDE_TABLE_PREFIX}{name}" for name in declared]


def different_rows(
    undisturbed: Workspace, disturbed: Workspace, use_case: str, table: str, *, settled: bool = False
) -> list[str]:
    """Return by partition how the rows of a table differ."""
    days, theirs = (workspace.lake.partitions(use_case, table) for workspace in (undisturbed, disturbed))
    if days != theirs:
        return [f"{table}: holds {days} | {theirs}"]
    one, other = (_rows(workspace, use_case, table, settled) for workspace in (undisturbed, disturbed))
    if (difference := _difference(one, other)) is None:
        return []
    found = {day: _difference(_of(one, day), _of(other, day)) for day in days}
    return [f"{table} of {day}: {said}" for day, said in found.items() if said] or [f"{table}: {difference}"]


def _rows(workspace: Workspace, use_case: str, table: str, settled: bool) -> pd.DataFrame:
    if workspace.lake.find(use_case, table) is None:
        return pd.DataFrame({PARTITION: []})
    rows = workspace.lake.read(use_case, table)
    if table == "metrics":
        rows = rows[~rows["name"].str.startswith("system.")]
    left_out = DIFFERING | DERIVED.get(table, set()) | (SETTLED.get(table, set()) if settled else set())
    return rows[[name for name in rows.columns if name not in left_out]].reset_index(drop=True)


def _of(rows: pd.DataFrame, day: str) -> pd.DataFrame:
    return rows[rows[PARTITION] == day].reset_index(drop=True)


def _difference(one: pd.DataFrame, other: pd.DataFrame) -> str | None:
    try:
        pd.testing.assert_frame_equal(other, one, check_exact=True)
    except AssertionError as error:
        return str(error)
    return None


def different_decisions(
    undisturbed: Workspace, disturbed: Workspace, use_case: str, *, copied_from: Sequence[Workspace] = ()
) -> list[str]:
    """Return where the decisions of two installations say different things."""
    here, there = (
        told(workspace, use_case, copied_from=copied_from) for workspace in (undisturbed, disturbed)
    )
    only_there, only_here = sorted(Counter(there) - Counter(here)), sorted(Counter(here) - Counter(there))
    pairs = zip_longest(map(json.loads, only_there), map(json.loads, only_here), fillvalue=[{"gate": "none"}])
    return [
        f"{one[0]['gate']} | {other[0]['gate']}: {line}"
        for one, other in pairs
        for line in differences(one, other)
    ]


def told(workspace: Workspace, use_case: str, *, copied_from: Sequence[Workspace] = ()) -> list[str]:
    """Return what the decisions say, without addresses and names that differ between installations."""
    homes = [workspace, *copied_from]
    roots = [root for home in homes for root in (home.settings.lake, home.settings.landing)]
    found = []
    for one in workspace.ledger.find(use_case=use_case):
        ordered = one.gate == "retraining" and one.partition is None
        judged = one.gate == "trigger_outcome" and one.evidence["asked_by"] == "person"
        if one.gate == "alert" or ordered or judged:
            continue  # alerts, the orders of persons and what became of them, which only Airflow writes
        content = one.model_dump(
            mode="json", include={"gate", "partition", "as_of", "verdict", "reasons", "rule"}
        )
        text = json.dumps([content, one.policy_hash, _without_drawn(one.evidence)], sort_keys=True)
        for root in roots:
            text = text.replace(root, "")
        found.append(re.sub(r"decision [0-9a-f]{8}", "decision", text))
    return sorted(found)


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Return where two contents differ, for a person who has to find out why."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = sorted(one.keys() | other.keys())
        return [d for n in names for d in differences(one.get(n), other.get(n), f"{place}.{n}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [d for a, b in zip(one, other, strict=True) for d in differences(a, b, f"{place}[]")]
    if isinstance(one, float) and isinstance(other, float):
        # Sums of the same values, in memory that lies otherwise, differ in their last bit.
        return [] if math.isclose(one, other, rel_tol=1e-12) else [f"{place}: {one} | {other}"]
    return [] if one == other else [f"{place}: {one} | {other}"]


def _without_drawn(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_drawn(part) for name, part in value.items() if name not in DRAWN | MEASURED}
    return [_without_drawn(part) for part in value] if isinstance(value, list) else value
