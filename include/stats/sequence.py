"""Loss watched day by day: bounds that hold at every look, and a sum that notices slow decay.

Both take blocks (days) as their unit, because rows of one day share that day, and learn the spread between
blocks from the blocks themselves. A test that is asked again every day errs far more often than it says; the
two here are built to be asked every day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from include.stats.arguments import Vector, finite_vector, require_level

# The variance of the standardised effects that the mixture expects: losses that rise by some standard
# deviations of a day. A wrong guess costs power, never validity.
_EFFECT_VARIANCE = 10.0
_SOLVER_STEPS = 200
_FEWEST_BASELINE = 2
_MOST_STANDARDISED = 8.0  # one block alone proves no more than this


def mean_e_value(blocks: Sequence[float] | Vector, level: float) -> float:
    """Return the evidence that the mean of the blocks lies above a level: an e-value, 1 without any.

    The t-statistic's likelihood ratio between effects drawn from a normal distribution and none, under the
    right Haar prior of the spread: E = (1 + n g)^(-1/2) ((1 + t^2 / v) / (1 + t^2 / (v (1 + n g))))^(n / 2)
    with v = n - 1 and g the variance of the effects. For normal blocks whose mean is the level it is a test
    martingale, so that it ever reaches 1 / alpha in at most alpha of all streams (Ville 1939). A mean below
    the level counts as no evidence.

    Args:
        blocks: means of the periods, one or more; with fewer than two, or none above the level, E is 1 or
            less.
        level: the mean that is held against them.

    Source: Wang & Ramdas (2024), Anytime-valid t-tests and confidence sequences; Lai (1976).

    >>> round(mean_e_value([0.5, 0.52, 0.49, 0.51, 0.5], 0.4), 1) > 100
    True
    >>> mean_e_value([0.4], 0.3)
    1.0
    """
    values = finite_vector(blocks, "blocks")
    n = len(values)
    gap = float(values.mean()) - level
    if n < 2 or gap <= 0:  # noqa: PLR2004 -- without two there is no spread
        return 1.0 if n < 2 else min(1.0, (1 + n * _EFFECT_VARIANCE) ** -0.5)  # noqa: PLR2004
    shrunk = 1 + n * _EFFECT_VARIANCE
    spread = float(values.std(ddof=1))
    # t^2 / (n - 1); a spread of 0 makes it infinite, and the ratio below then is `shrunk`.
    signal = math.inf if spread == 0 else n * gap**2 / spread**2 / (n - 1)
    ratio = shrunk if math.isinf(signal) else (1 + signal) / (1 + signal / shrunk)
    return math.exp(n / 2 * math.log(ratio) - 0.5 * math.log(shrunk))


def lower_mean_bound(blocks: Sequence[float] | Vector, alpha: float) -> float:
    """Return the lower end of the confidence sequence of a mean: levels below it have E >= 1 / alpha.

    It holds at every look at once. With too few blocks to reject anything it is minus infinity.

    Raises:
        ValueError: a block that is not finite, or a wrong alpha.
    """
    require_level(alpha)
    values = finite_vector(blocks, "blocks")
    mean, spread = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    shrunk = 1 + len(values) * _EFFECT_VARIANCE
    # E's logarithm can never exceed this, however far away the level.
    if (len(values) - 1) / 2 * math.log(shrunk) < math.log(1 / alpha):
        return -math.inf
    if spread == 0:
        return mean
    low, high = 0.0, spread * math.sqrt(len(values))
    while mean_e_value(values, mean - high) < 1 / alpha:
        high *= 2
    for _ in range(_SOLVER_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if mean_e_value(values, mean - middle) >= 1 / alpha else (middle, high)
        if high - low <= 1e-9 * spread:
            break
    return mean - high


def upper_mean_bound(blocks: Sequence[float] | Vector, alpha: float) -> float:
    """Return the one-sided upper bound of a mean by Student's t: for a baseline, looked at once.

    Raises:
        ValueError: fewer than two blocks, one that is not finite, or a wrong alpha.
    """
    require_level(alpha)
    values = finite_vector(blocks, "blocks", at_least=_FEWEST_BASELINE)
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) + float(stdtrit(len(values) - 1, 1 - alpha)) * error


@dataclass(frozen=True)
class Decay:
    """Where a cumulative sum stands after its last block.

    Attributes:
        value: the sum, in standard deviations.
        since: how many of the last blocks it has been above 0.
    """

    value: float
    since: int


def decay(baseline: Sequence[float] | Vector, blocks: Sequence[float] | Vector, *, allowance: float) -> Decay:
    """Add up by how much each block exceeds what came before it: a self-starting CUSUM, upwards only.

    Each block is standardised by all before it, the baseline included, through Student's distribution to a
    standard normal; S = max(0, S + z - allowance). In control the z are independent and standard normal for
    normal blocks, however short the baseline.

    Args:
        baseline: blocks from before, 2 or more.
        blocks: the blocks watched, in order.
        allowance: deviations a block that are no matter, above 0; half the shift to be noticed.

    Raises:
        ValueError: too short a baseline, a block that is not finite, or a wrong allowance.

    Source: Page (1954), Biometrika 41; Hawkins (1987), The Statistician 36, for the self-starting form.

    >>> round(decay([0.40, 0.42, 0.41, 0.39], [0.41, 0.48, 0.49], allowance=0.5).value, 1)
    3.6
    """
    if not (allowance > 0 and math.isfinite(allowance)):
        raise ValueError(f"The allowance is {allowance}; give a number above 0, e.g. 0.25")
    seen = list(finite_vector(baseline, "baseline", at_least=_FEWEST_BASELINE))
    total, since = 0.0, 0
    for block in finite_vector(blocks, "blocks", at_least=0):
        total = max(0.0, total + _standardised(float(block), np.asarray(seen)) - allowance)
        since = since + 1 if total > 0 else 0
        seen.append(float(block))
    return Decay(value=total, since=since)


def _standardised(block: float, seen: Vector) -> float:
    n = len(seen)
    spread = float(seen.std(ddof=1)) * math.sqrt(1 + 1 / n)
    gap = block - float(seen.mean())
    if spread == 0:
        return 0.0 if gap == 0 else math.copysign(_MOST_STANDARDISED, gap)
    # On the side of the smaller tail, where the distribution function keeps its digits.
    tail = -float(ndtri(stdtr(n - 1, -abs(gap) / spread)))
    return math.copysign(min(tail, _MOST_STANDARDISED), gap)
