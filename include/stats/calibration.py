"""How far predicted probabilities lie from what happens."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from include.stats.arguments import Vector

_EPSILON = 1e-9
_STEPS = 50


def squared_calibration_error(label: NDArray[np.int64], score: Vector, bins: NDArray[np.intp]) -> float:
    """Return the mean squared gap between predicted and observed shares, without what chance adds.

    sum over bins of n/N [(mean score - mean label)^2 - mean label (1 - mean label) / (n - 1)]. The plain
    error of a perfectly calibrated model is above zero because the observed shares are noisy; this one is
    zero on average, and may be negative.

    Args:
        label: n labels, 0 or 1.
        score: n probabilities.
        bins: the bin of each row, 0 to B - 1; bins with one row are left out.

    Source: Kumar, Liang & Ma (2019), Verified Uncertainty Calibration, section 5.
    """
    n = np.bincount(bins).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = np.bincount(bins, label) / n
        gap = (np.bincount(bins, score) / n - observed) ** 2 - observed * (1 - observed) / (n - 1)
    kept = n > 1
    return float((n[kept] * gap[kept]).sum() / n[kept].sum()) if kept.any() else math.nan


def calibration_slope(label: NDArray[np.int64], score: Vector) -> float:
    """Return the slope b of logit P(1) = a + b logit(score): 1 when right, below 1 when overconfident.

    By Newton's method; NaN where the labels are of one class or the scores are all equal.

    Source: Cox (1958), Biometrika 45.
    """
    clipped = np.clip(score, _EPSILON, 1 - _EPSILON)
    design = np.column_stack([np.ones(len(score)), np.log(clipped / (1 - clipped))])
    if np.ptp(design[:, 1]) == 0 or len(np.unique(label)) == 1:
        return math.nan
    # From zero, where every row has weight: from far out Newton's first step may overshoot for good.
    found = np.zeros(2)
    for _ in range(_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(design @ found, -500, 500)))
        weight = probability * (1 - probability)
        step = np.linalg.lstsq(
            design.T @ (design * weight[:, None]), design.T @ (label - probability), rcond=None
        )[0]
        found = found + step
        if np.abs(step).max() < _EPSILON:
            return float(found[1])
    return math.nan
