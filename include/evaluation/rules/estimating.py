"""Metrics with their errors: the closed form where there is one, else one day left out at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from include.evaluation.figures import Difference, Estimate
from include.stats.auc import auc_of, auc_with_variance, paired_auc_difference
from include.stats.leave_one_out import leave_one_block_out

if TYPE_CHECKING:
    from include.problems import ProblemKind
    from include.problems.base import PointMetric

_CLOSED_FORM = "roc_auc"


def metric_of(kind: ProblemKind, metric: str) -> PointMetric:
    """Return a metric as a function that is cheap enough to be asked for every day and slice."""
    return auc_of if metric == _CLOSED_FORM else kind.metric(metric)


def estimated(
    kind: ProblemKind, metric: str, label: np.ndarray, score: np.ndarray, days: np.ndarray
) -> Estimate:
    """Return a metric with its error.

    Raises:
        ValueError: the days do not allow it.
    """
    better = kind.higher_is_better(metric)
    if metric == _CLOSED_FORM:
        auc = auc_with_variance(label, score, days)
        return Estimate(
            value=auc.auc, standard_error=auc.standard_error, degrees_of_freedom=auc.degrees_of_freedom
        )
    compute = kind.metric(metric)
    found = leave_one_block_out(lambda rows: compute(label[rows], score[rows]), days)
    return Estimate(
        value=found.value,
        standard_error=found.standard_error,
        degrees_of_freedom=found.degrees_of_freedom,
        higher_is_better=better,
    )


def compared(
    kind: ProblemKind,
    metric: str,
    *,
    label: np.ndarray,
    score: np.ndarray,
    other: np.ndarray,
    days: np.ndarray,
) -> Difference:
    """Return a metric of two models on the same rows, with the error of the difference.

    Raises:
        ValueError: the days do not allow it.
    """
    if metric == _CLOSED_FORM:
        auc = paired_auc_difference(label, score, other, days)
        return Difference(
            candidate=auc.auc_a,
            other=auc.auc_b,
            standard_error=auc.standard_error,
            degrees_of_freedom=auc.degrees_of_freedom,
        )
    compute = kind.metric(metric)
    found = leave_one_block_out(
        lambda rows: compute(label[rows], score[rows]) - compute(label[rows], other[rows]), days
    )
    return Difference(
        candidate=float(compute(label, score)),
        other=float(compute(label, other)),
        standard_error=found.standard_error,
        degrees_of_freedom=found.degrees_of_freedom,
        higher_is_better=kind.higher_is_better(metric),
    )
