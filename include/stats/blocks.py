"""Means of period blocks against a baseline, with the spread between periods in the standard error.

Rows of one week share that week's weather and traffic, so a standard error over rows is far too small. The
unit here is the period: one mean for each, and the spread between these means is the error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import t as student_t

from include.stats.arguments import Vector, finite_vector, require_level


@dataclass(frozen=True)
class BlockComparison:
    """Difference of two means of period blocks, in the unit of the blocks."""

    mean_current: float
    mean_baseline: float
    difference: float
    lower_bound: float
    degrees_of_freedom: float
    exceeds: bool


def exceeds_baseline(
    current_block_means: Sequence[float] | Vector,
    baseline_block_means: Sequence[float] | Vector,
    margin: float,
    alpha: float,
) -> BlockComparison:
    """Say whether the current level of a loss lies above the baseline level by more than a margin.

    It does when the one-sided lower bound of the difference (current - baseline) lies above the margin. At a
    true difference of the margin that happens in about alpha of all comparisons; each is one look. Welch's
    degrees of freedom are approximate: at alpha .01, 2 blocks against 8 err in 2.3 %, 4 against 8 in 1.2 %.

    Args:
        current_block_means: one mean per recent period, 2 or more.
        baseline_block_means: one mean per baseline period, 2 or more; the two sets share no period.
        margin: smallest difference worth an alarm, 0 or more, in the unit of the blocks.
        alpha: error rate of the bound, in (0, 0.5].

    Raises:
        ValueError: fewer than 2 blocks on a side, a value that is not finite, a negative margin, a wrong
            alpha.

    Source: Welch (1947), Biometrika 34, with Satterthwaite's (1946) degrees of freedom.

    >>> result = exceeds_baseline([0.30, 0.32, 0.31], [0.20, 0.22, 0.21, 0.21], margin=0.02, alpha=0.05)
    >>> result.exceeds, round(result.difference, 3), round(result.lower_bound, 3)
    (True, 0.1, 0.085)
    """
    require_level(alpha)
    if not (margin >= 0 and math.isfinite(margin)):
        raise ValueError(f"The margin is {margin}; give a finite number of 0 or more")
    current = finite_vector(current_block_means, "current_block_means", at_least=2)
    baseline = finite_vector(baseline_block_means, "baseline_block_means", at_least=2)
    means = float(current.mean()), float(baseline.mean())
    standard_error, degrees = _welch(current, baseline)
    lower = means[0] - means[1] - float(student_t.ppf(1 - alpha, degrees)) * standard_error
    return BlockComparison(*means, means[0] - means[1], lower, degrees, exceeds=lower > margin)


def _welch(current: Vector, baseline: Vector) -> tuple[float, float]:
    """Standard error and degrees of freedom of a difference of means; n1 + n2 - 2 when nothing varies."""
    parts = [(float(side.var(ddof=1)) / len(side), len(side) - 1) for side in (current, baseline)]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return 0.0, float(sum(degrees for _, degrees in parts))
    spread = sum((part / variance) ** 2 / degrees for part, degrees in parts)
    return math.sqrt(variance), 1 / spread
