"""From the tables to the evidence of the watches of one partition, and to the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from include import partitions
from include.decisions import Decision
from include.lake import LABEL, PARTITION
from include.monitoring import concept, drift, performance, quality
from include.monitoring.labelled import Labelled, newest_labelled, read_labelled
from include.problems import kind_of
from include.stats.estimated import estimate, expected_auc, expected_log_loss
from include.stats.score_bins import binned, calibration_error, pooled, standardised_loss

if TYPE_CHECKING:
    import pandas as pd

    from include.monitoring.watched import Watched

_ESTIMATE_ALPHA = 0.1


def judge_drift(watched: Watched) -> Decision:
    """Judge the drift of the features."""
    policy = watched.use_case.monitoring.drift
    known = _known_days(watched)
    found = drift.drift_rank(_of_the_day(_read_profiles(watched), watched), watched.partition, policy, known)
    samples = drift.compare_samples(
        watched.reference.sample, watched.rows, watched.features, policy, watched.use_case.training.seed
    )
    evidence = drift.evidence_of(found, known_day=watched.partition in known, samples=samples)
    return watched.record(
        gate=drift.GATE, ruling=drift.check(evidence, policy), evidence=evidence, policy=policy
    )


def _of_the_day(profiles: pd.DataFrame, watched: Watched) -> pd.DataFrame:
    """Leave out the features that follow the past, where there are others.

    They tell of one day for as long as their window is, so days would not be exchangeable, as the rank needs
    them to be; what they sum up is watched on its own day, as rows and as labels.
    """
    past = [feature.name for feature in watched.features.of_history]
    others = profiles[~profiles["column"].isin(past)]
    return profiles if others.empty else others


def _known_days(watched: Watched) -> set[str]:
    return {partitions.key_of(day) for day in watched.use_case.monitoring.known_days}


def _read_profiles(watched: Watched) -> pd.DataFrame:
    """Read the profiles of the features of the partition and of as many days before as drift may look back.

    They belong to a feature set; without rows of the champion's, nothing is comparable.
    """
    needed = drift.days_needed(watched.use_case.monitoring.drift)
    days = partitions.span(partitions.shift(watched.partition, -needed), watched.partition)
    return watched.workspace.lake.read(
        watched.use_case.name,
        "feature_profiles",
        partitions=days,
        columns=["partition", "column", "count", "nulls", "quantiles", "categories"],
        known_by=partitions.parse(watched.as_of),
        feature_set_version=watched.champion.feature_set_version,
    )


def judge_quality(watched: Watched) -> Decision:
    """Judge the rows that were scored."""
    policy = watched.use_case.monitoring.quality
    evidence = quality.quality_evidence(watched)
    return watched.record(
        gate=quality.GATE, ruling=quality.check(evidence, policy), evidence=evidence, policy=policy
    )


def read_window(watched: Watched) -> Labelled:
    """Read the newest days with labels that this champion scored, as known at the as-of."""
    policy = watched.use_case.monitoring.performance
    newest = newest_labelled(watched.use_case, watched.partition)
    first = max(partitions.shift(newest, 1 - policy.window_days), watched.champion.effective_from)
    return read_labelled(
        watched.use_case,
        partitions.span(min(first, newest), newest),
        watched.champion.decision_id,
        watched.workspace.lake,
        known_by=partitions.parse(watched.as_of),
    )


def judge_performance(watched: Watched, window: Labelled) -> Decision:
    """Judge the champion's loss on the labels that have arrived."""
    policy = watched.use_case.monitoring.performance
    evaluation = watched.workspace.ledger.get(watched.champion.evaluation_id)
    kind = kind_of(watched.use_case.problem)
    days = {str(day): rows for day, rows in window.rows.groupby(PARTITION)}
    live = {day: performance.day_performance(rows, kind) for day, rows in days.items()}
    evidence = performance.PerformanceEvidence(
        model_version=watched.champion.version,
        loss_name=kind.row_loss,
        metric_name=kind.primary,
        live=live,
        holdout_losses=[day["log_loss"] for _, day in sorted(evaluation.evidence["day_losses"].items())],
        contradicted=window.contradicted,
        foreign=window.foreign,
        early=window.early,
        estimated=[] if watched.partition in live else _estimated(watched, days, live),
    )
    return watched.record(
        gate=performance.GATE,
        ruling=performance.check(evidence, policy),
        evidence=evidence,
        policy=policy,
    )


def _estimated(
    watched: Watched, days: dict[str, pd.DataFrame], live: dict[str, performance.DayPerformance]
) -> list[performance.EstimatedPerformance]:
    """Estimate what the labels of the partition will say. Only probabilities of 0 and 1 can tell."""
    kind = kind_of(watched.use_case.problem)
    if kind.name != "binary":
        return []
    scores = watched.scored["score"].to_numpy(dtype="float64")
    past_losses = {day: seen.loss for day, seen in live.items()}
    found = [_estimate("log_loss", expected_log_loss, scores, days, past_losses)]
    if kind.primary == "roc_auc":
        past = {day: seen.metric for day, seen in live.items() if seen.metric is not None}
        found.append(_estimate("roc_auc", expected_auc, scores, days, past))
    return [estimated for estimated in found if estimated is not None]


def _estimate(
    metric: str,
    expected: Callable[[np.ndarray], float],
    scores: np.ndarray,
    days: dict[str, pd.DataFrame],
    past: dict[str, float],
) -> performance.EstimatedPerformance | None:
    before = [expected(days[day]["score"].to_numpy()) for day in past]
    told = expected(scores)
    if np.isnan([told, *before]).any():
        return None
    estimated = estimate(told, before, list(past.values()), alpha=_ESTIMATE_ALPHA)
    if estimated is None:
        return None
    figures = {name: round(value, 6) for name, value in asdict(estimated).items() if name != "days"}
    return performance.EstimatedPerformance(
        metric=metric, days=estimated.days, useful=estimated.useful, **figures
    )


def judge_concept(watched: Watched, window: Labelled) -> Decision:
    """Judge the loss at fixed inputs."""
    policy, reference = watched.use_case.monitoring.concept, watched.reference
    binary = watched.use_case.problem.kind == "binary"
    days = {
        str(day): binned(
            reference.edges,
            rows["score"].to_numpy(),
            rows["loss"].to_numpy(),
            rows[LABEL].to_numpy() if binary else None,
        )
        for day, rows in window.rows.groupby(PARTITION)
        if reference.holdout
    }
    weights = reference.bin_rows
    live = {day: standardised_loss(found, weights) for day, found in days.items()}
    holdout = {day: standardised_loss(found, weights) for day, found in reference.holdout.items()}
    evidence = concept.ConceptEvidence(
        live={day: round(loss, 6) for day, loss in live.items() if loss is not None},
        holdout={day: round(loss, 6) for day, loss in holdout.items() if loss is not None},
        raw=round(float(window.rows["loss"].mean()), 6) if len(window.rows) else None,
        calibration_error=(
            round(calibration_error(pooled(list(days.values()))), 6) if days and binary else None
        ),
        min_days=watched.use_case.monitoring.performance.min_days,
    )
    return watched.record(
        gate=concept.GATE,
        ruling=concept.check(evidence, policy),
        evidence=evidence,
        policy=policy,
    )
