"""How a partition turned out, on all labels that have arrived by now: the figure of record.

`performance` judges what could be known the day after; that verdict must stay as it was. When labels come
late or are corrected, watching the partition again gives a new decision of this gate, as of the day on which
the newest of its labels was known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.decisions import Decision, Ruling, Verdict
from include.lake import LABEL, ROW_KEY
from include.monitoring.labelled import Labelled, newest_labelled, read_labelled
from include.monitoring.performance import day_performance
from include.problems import kind_of
from include.stats.score_bins import binned, calibration_error

if TYPE_CHECKING:
    import pandas as pd

    from include.monitoring.watched import Watched

GATE = "outcome"
RULE = "figures of the labels known by the as-of; no threshold"
_CALIBRATION_EDGES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
_MAX_SLICES = 50
_FEWEST_IN_SLICE = 30


class SliceOutcome(BaseModel):
    """The rows of one value of a feature; the metric is None where the labels allow none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    loss: float
    metric: float | None


class OutcomeEvidence(BaseModel):
    """Figures of one partition.

    Attributes:
        scored: rows that were predicted.
        labelled: of them, rows whose label is known; the figures are theirs.
        metrics: all metrics of the problem's kind that the labels allow.
        mean_label, mean_score, calibration_error: of a binary problem; the first two of amounts as well.
        slices: by `feature=value`, of at least 30 rows, the 50 largest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["outcome"] = "outcome"
    model_version: str
    scored: int
    labelled: int
    contradicted: int = 0
    loss_name: str = "log_loss"
    loss: float | None = None
    metrics: dict[str, float] = {}
    mean_label: float | None = None
    mean_score: float | None = None
    calibration_error: float | None = None
    slices: dict[str, SliceOutcome] = {}


def check(evidence: OutcomeEvidence) -> Ruling:
    """State what came of a partition; it is no door, so there is nothing to refuse."""
    if not evidence.labelled:
        reason = f"none of {evidence.scored} scored rows has a label yet"
        return Ruling(verdict=Verdict.UNDECIDED, reasons=[reason], rule=RULE)
    reason = (
        f"{evidence.loss_name} {evidence.loss:.3f} on {evidence.labelled} of {evidence.scored} scored rows"
    )
    if evidence.mean_label is not None:
        reason += f"; mean label {evidence.mean_label:.3f} where {evidence.mean_score:.3f} was expected"
    return Ruling(verdict=Verdict.PASS, reasons=[reason], rule=RULE)


def settle(watched: Watched) -> dict[str, Decision]:
    """Record how partitions turned out: the one whose labels are due, and the watched one if it has some.

    Returns:
        The decisions by partition.
    """
    due = newest_labelled(watched.use_case, watched.partition)
    found = {watched.partition: _settled(watched, watched.partition, _last_known(watched))}
    if due != watched.partition and due >= watched.champion.effective_from:
        found[due] = _settled(watched, due, watched.as_of)
    return {day: decision for day, decision in found.items() if decision is not None}


def _last_known(watched: Watched) -> str:
    """Return the day on which the newest label of the partition was known, as far as data time has come."""
    name, lake = watched.use_case.name, watched.workspace.lake
    known = lake.read(name, "labels", partitions=[watched.partition], columns=["known_at"])["known_at"]
    last = watched.as_of if known.empty else max(watched.as_of, partitions.key_of(known.max()))
    if last == watched.as_of:
        return last
    now = partitions.key_of(partitions.available_at(lake.partitions(name, "features")[-1]))
    return min(last, max(now, watched.as_of))


def _settled(watched: Watched, day: str, as_of: str) -> Decision | None:
    promotion = watched.champion.decision_id
    labelled = read_labelled(
        watched.use_case, [day], promotion, watched.workspace.lake, known_by=partitions.parse(as_of)
    )
    if labelled.rows.empty and day != watched.partition:
        return None
    evidence = _evidence(watched, day, labelled)
    return watched.record(
        gate=GATE,
        ruling=check(evidence),
        evidence=evidence,
        policy=watched.use_case.labels,
        partition=day,
        as_of=as_of,
    )


def _evidence(watched: Watched, day: str, labelled: Labelled) -> OutcomeEvidence:
    rows = labelled.rows
    scored = len(watched.scored) if day == watched.partition else len(rows)
    version = watched.champion.version
    if rows.empty:
        return OutcomeEvidence(
            model_version=version, scored=scored, labelled=0, contradicted=labelled.contradicted
        )
    kind = kind_of(watched.use_case.problem)
    labels, scores = rows[LABEL].to_numpy(), rows["score"].to_numpy(dtype="float64")
    metrics = kind.metrics(labels, kind.restored(rows))
    averaged = kind.name != "multiclass"
    return OutcomeEvidence(
        model_version=version,
        scored=scored,
        labelled=len(rows),
        contradicted=labelled.contradicted,
        loss_name=kind.row_loss,
        loss=round(float(rows["loss"].mean()), 6),
        metrics={name: round(value, 6) for name, value in metrics.items() if math.isfinite(value)},
        mean_label=round(float(labels.mean()), 6) if averaged else None,
        mean_score=round(float(scores.mean()), 6) if averaged else None,
        calibration_error=_calibration_error(rows) if kind.name == "binary" else None,
        slices=_slices(watched, day, rows),
    )


def _calibration_error(rows: pd.DataFrame) -> float:
    columns = [rows[name].to_numpy(dtype="float64") for name in ("score", "loss", LABEL)]
    return round(calibration_error(binned(_CALIBRATION_EDGES, *columns)), 6)


def _slices(watched: Watched, day: str, rows: pd.DataFrame) -> dict[str, SliceOutcome]:
    names = [name for name in watched.use_case.monitoring.slices if name in watched.features.names]
    if not names:
        return {}
    features = watched.workspace.lake.read(
        watched.use_case.name,
        "features",
        partitions=[day],
        columns=[ROW_KEY, *names],
        feature_set_version=watched.champion.feature_set_version,
    )
    kind = kind_of(watched.use_case.problem)
    joined = rows.drop(columns=names, errors="ignore").merge(features.drop_duplicates(ROW_KEY), on=ROW_KEY)
    found: dict[str, SliceOutcome] = {}
    for name in names:
        for value, part in joined.groupby(name, observed=True):
            if len(part) >= _FEWEST_IN_SLICE:
                found[f"{name}={value}"] = SliceOutcome(**day_performance(part, kind).model_dump())
    largest = sorted(found, key=lambda name: (-found[name].rows, name))[:_MAX_SLICES]
    return {name: found[name] for name in largest}
