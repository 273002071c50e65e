"""How well batches come in: figures for each partition and over time, from the ledger and the snapshots.

Latency is by the wall clock and is told, never decided on. All else is what the decisions rested on.
"""

from __future__ import annotations

import statistics
from typing import Any

from pydantic import BaseModel, ConfigDict

from include.decisions import Decision, Verdict
from include.snapshots import BATCH, Snapshot, read_snapshots
from include.use_case import UseCase
from include.workspace import Workspace

_GATE, _DRIFT_GATE = "ingestion", "drift"
_OF_THE_SCHEMA = ("present", "once", "type", "extra_columns", "file")


class Intake(BaseModel):
    """What became of the batch of one partition.

    Attributes:
        attempts: decisions about it, one for each different file, contract or history.
        landed: rows that landed; 0 when nothing could be read.
        rejected_share: rows that are held, were given up, or stand in a refused batch.
        schema_violations: columns that are missing, doubled, retyped or not in the contract, and unreadable
            files.
        null_shares: of the key, the event time and the label's column.
        drift: how unusual the batch is, as 1 - p among the days before; None where nobody could say.
        latency_seconds: from landing to publication; None while it is not published or is no file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    partition: str
    verdict: Verdict
    decision_id: str
    attempts: int
    landed: int
    accepted: int
    held: int
    released: int
    discarded: int
    rejected_share: float
    schema_violations: int
    null_shares: dict[str, float]
    drift: float | None
    latency_seconds: float | None


class Health(BaseModel):
    """The batches of one use case together; medians are over the partitions that have the figure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    partitions: int
    success_rate: float | None
    rejected_share: float | None
    schema_violations: int
    held: int
    latency_seconds: float | None
    drift: float | None
    days: list[Intake]


def intake_of(
    use_case: UseCase, workspace: Workspace, *, last: int | None = None, partition: str | None = None
) -> list[Intake]:
    """Return the figures of the partitions that were decided on, in their order.

    Args:
        use_case: whose batches.
        workspace: where to look.
        last: only so many of the newest partitions.
        partition: only this one.
    """
    by_day: dict[str, list[Decision]] = {}
    for decision in workspace.ledger.find(use_case=use_case.name, gate=_GATE, partition=partition):
        by_day.setdefault(str(decision.partition), []).append(decision)
    days = sorted(by_day)[-last:] if last else sorted(by_day)
    if not days:
        return []
    snapshots = read_snapshots(workspace.lake, use_case.name, days)
    monitored = workspace.ledger.find(use_case=use_case.name, gate=_DRIFT_GATE, partition=partition)
    drifts = {str(decision.partition): decision for decision in reversed(monitored)}
    return [
        _intake(
            use_case,
            by_day[day],
            next((found for found in snapshots.get(day, []) if found.table == BATCH), None),
            drifts.get(day),
        )
        for day in days
    ]


def _intake(
    use_case: UseCase,
    decisions: list[Decision],
    snapshot: Snapshot | None,
    drift: Decision | None,
) -> Intake:
    newest = decisions[0]
    evidence = newest.evidence
    # A later refusal leaves the rows of before in the lake; the figures then speak of the refused delivery.
    current = snapshot if newest.verdict.opens else None
    landed = current.landed if current else int(evidence["rows"])
    rejected = current.held + current.discarded if current else landed
    return Intake(
        use_case=use_case.name,
        partition=str(newest.partition),
        verdict=newest.verdict,
        decision_id=newest.id,
        attempts=len(decisions),
        landed=landed,
        accepted=current.accepted if current else 0,
        held=current.held if current else 0,
        released=current.released if current else 0,
        discarded=current.discarded if current else 0,
        rejected_share=rejected / landed if landed else float(not newest.verdict.opens),
        schema_violations=sum(
            str(fault["rule"]).rpartition(".")[2] in _OF_THE_SCHEMA for fault in evidence["faults"]
        ),
        null_shares=_null_shares(use_case, evidence["results"]),
        drift=_drift(evidence, drift),
        latency_seconds=_latency(current),
    )


def critical_columns(use_case: UseCase) -> list[str]:
    """Return the columns without which a row is worth nothing: its key, its time, its label."""
    return list(dict.fromkeys([*use_case.problem.key, use_case.source.event_time, use_case.labels.column]))


def _null_shares(use_case: UseCase, results: list[dict[str, Any]]) -> dict[str, float]:
    shares = {
        str(result["rule"]).removesuffix(".null_share"): result["violations"] / max(result["checked"], 1)
        for result in results
        if result["table"] == BATCH and str(result["rule"]).endswith(".null_share")
    }
    return {name: shares[name] for name in critical_columns(use_case) if name in shares}


def _drift(evidence: dict[str, Any], monitored: Decision | None) -> float | None:
    """Return the drift that the door saw; where it saw none, what monitoring found in the features."""
    found = evidence.get("drift") or (monitored.evidence if monitored else {})
    p_value = found.get("p_value")
    return None if p_value is None else 1 - float(p_value)


def _latency(snapshot: Snapshot | None) -> float | None:
    if snapshot is None or snapshot.landed_at is None:
        return None
    return max((snapshot.published_at - snapshot.landed_at).total_seconds(), 0.0)


def health_of(use_case: UseCase, workspace: Workspace, *, last: int | None = None) -> Health:
    """Return the figures of a use case's partitions together."""
    days = intake_of(use_case, workspace, last=last)
    landed = sum(day.landed for day in days)
    return Health(
        use_case=use_case.name,
        partitions=len(days),
        success_rate=sum(day.verdict.opens for day in days) / len(days) if days else None,
        rejected_share=sum(day.rejected_share * day.landed for day in days) / landed if landed else None,
        schema_violations=sum(day.schema_violations for day in days),
        held=sum(day.held for day in days),
        latency_seconds=_median([day.latency_seconds for day in days]),
        drift=_median([day.drift for day in days]),
        days=days,
    )


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
