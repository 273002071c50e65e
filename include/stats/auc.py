"""The area under the ROC curve with its standard error, for one model or the difference of two.

Without blocks the rows are taken as independent (DeLong). Rows of one day share its weather, so a model that
is lucky on a day is lucky on all its rows: give the days as blocks, and whole days are the unit of the error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from include.stats.arguments import Vector
from include.stats.bounds import Bounded
from include.stats.placements import clustered_error, codes_of, independent_error, placements, positives_of


@dataclass(frozen=True)
class AucEstimate(Bounded):
    """AUC of one model. A perfect separation has a standard error of 0: doubt it rather than use it."""

    auc: float
    standard_error: float
    degrees_of_freedom: float

    @property
    def variance(self) -> float:
        return self.standard_error**2

    def _value(self) -> float:
        return self.auc


@dataclass(frozen=True)
class AucComparison(Bounded):
    """AUC of model a minus AUC of model b on the same rows."""

    auc_a: float
    auc_b: float
    difference: float
    standard_error: float
    degrees_of_freedom: float

    def _value(self) -> float:
        return self.difference


def auc_of(y: ArrayLike, score: ArrayLike) -> float:
    """Return the AUC alone, for statistics that need it thousands of times; NaN where a class is missing.

    The Mann-Whitney statistic from midranks, so ties count one half. NaN among the scores gives NaN.

    >>> auc_of([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    positive = np.asarray(y).astype(bool)
    count = int(positive.sum())
    if count in {0, len(positive)}:
        return math.nan
    ranks = rankdata(np.asarray(score, dtype=np.float64))
    return float((ranks[positive].mean() - (count + 1) / 2) / (len(positive) - count))


def auc_with_variance(y: ArrayLike, score: ArrayLike, blocks: ArrayLike | None = None) -> AucEstimate:
    """Return the AUC of one model with its standard error.

    Args:
        y: n labels, 0 or 1 (or booleans), at least two of each.
        score: n scores; higher means more likely 1. Ties count one half.
        blocks: n labels of blocks, for example the day of each row; None takes the rows as independent.

    Raises:
        ValueError: lengths differ, labels other than 0 and 1, fewer than two rows or blocks of a class, NaN.

    Sources: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44; Sun & Xu (2014), IEEE Signal Processing
        Letters 21, for the midranks; with blocks Obuchowski (1997), Biometrics 53.

    >>> auc_with_variance([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).auc
    0.75
    """
    positive = positives_of(y)
    on_positives, on_negatives = placements(positive, score, "score")
    error, degrees = _error(on_positives, on_negatives, positive, blocks)
    return AucEstimate(float(on_positives.mean()), error, degrees)


def paired_auc_difference(
    y: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, blocks: ArrayLike | None = None
) -> AucComparison:
    """Return the difference of the AUCs of two models on the same rows, with its standard error.

    Arguments, errors and sources are those of `auc_with_variance`. With blocks the degrees of freedom are the
    number of blocks - 1, or where some blocks lack a class, of those that hold the rarer one - 1.

    >>> paired_auc_difference([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], [0.1, 0.3, 0.2, 0.4]).difference
    0.25
    """
    positive = positives_of(y)
    positives_a, negatives_a = placements(positive, score_a, "score_a")
    positives_b, negatives_b = placements(positive, score_b, "score_b")
    error, degrees = _error(positives_a - positives_b, negatives_a - negatives_b, positive, blocks)
    auc_a, auc_b = float(positives_a.mean()), float(positives_b.mean())
    return AucComparison(auc_a, auc_b, auc_a - auc_b, error, degrees)


def _error(
    on_positives: Vector, on_negatives: Vector, positive: NDArray[np.bool_], blocks: ArrayLike | None
) -> tuple[float, float]:
    if blocks is None:
        return independent_error(on_positives, on_negatives)
    return clustered_error(on_positives, on_negatives, positive, codes_of(blocks, len(positive)))
