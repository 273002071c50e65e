"""How a model does on rows whose labels are not known yet, as far as its scores can tell.

A calibrated score says of each row how likely it is to be positive, hence what loss and which AUC are to be
expected. That holds while the relation of inputs and labels stays as it was (drift of inputs is followed,
drift of the concept is not), and only as well as it held on the days whose labels are known: so the estimate
is corrected by its past errors, its interval is made of them, and it calls itself useless where the plain
mean of the past would have been as near.

Source: NannyML's confidence-based performance estimation (CBPE); the interval is split conformal (Lei et al.
2018, Journal of the American Statistical Association 113).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from include.stats.arguments import Vector, finite_vector, require_level

_SMALLEST = 1e-15
FEWEST_DAYS = 5


@dataclass(frozen=True)
class Estimate:
    """A figure of unlabelled rows.

    Attributes:
        lower, upper: interval made of the estimate's past errors.
        error: mean absolute error of the estimate on the labelled days.
        plain_error: that of the mean of the other labelled days, which needs no scores.
        useful: whether the first is smaller.
    """

    value: float
    lower: float
    upper: float
    days: int
    error: float
    plain_error: float

    @property
    def useful(self) -> bool:
        return self.error < self.plain_error


def expected_log_loss(scores: Sequence[float] | Vector) -> float:
    """Return the mean log loss that calibrated scores expect of themselves: their mean entropy.

    >>> round(expected_log_loss([0.5, 0.5]), 4)
    0.6931
    """
    p = np.clip(finite_vector(scores, "scores"), _SMALLEST, 1 - _SMALLEST)
    return float(-(p * np.log(p) + (1 - p) * np.log1p(-p)).mean())


def expected_auc(scores: Sequence[float] | Vector) -> float:
    """Return the AUC that calibrated scores expect: each row counts as positive by its score.

    NaN where all rows are sure to be of one class. Ties count one half.

    >>> expected_auc([0.0, 1.0])
    1.0
    """
    p = np.sort(finite_vector(scores, "scores"))
    negatives = np.cumsum(1 - p)
    first = np.searchsorted(p, p, side="left")
    last = np.searchsorted(p, p, side="right") - 1
    below = np.where(first > 0, negatives[first - 1], 0.0)
    # Of the rows that tie, itself included, one half lies below; it cannot be its own counterpart.
    ties = negatives[last] - below - (1 - p)
    pairs = p.sum() * (1 - p).sum() - (p * (1 - p)).sum()
    return float((p * (below + ties / 2)).sum() / pairs) if pairs > 0 else math.nan


def estimate(
    expected: float, past_expected: Sequence[float], past_realised: Sequence[float], *, alpha: float
) -> Estimate | None:
    """Correct an expected figure by how the expectation erred on days whose labels are known.

    Args:
        expected: what the scores of the new rows expect.
        past_expected: what those of each labelled day expected.
        past_realised: what came of each.
        alpha: share of new days that may lie outside the interval.

    Returns:
        The estimate, or None with fewer than five labelled days.

    >>> found = estimate(0.5, [0.4, 0.5, 0.6, 0.5, 0.4], [0.42, 0.52, 0.62, 0.52, 0.42], alpha=0.2)
    >>> round(found.value, 2), found.useful
    (0.52, True)
    """
    require_level(alpha)
    before = finite_vector(past_expected, "past_expected", at_least=0)
    came = finite_vector(past_realised, "past_realised", at_least=0)
    n = len(came)
    if len(before) != n:
        raise ValueError(f"{len(before)} expected and {n} realised figures; give both for each labelled day")
    if n < FEWEST_DAYS:
        return None
    errors = came - before
    bias = float(np.median(errors))
    # What each day would have been told by the others.
    others = np.array([np.median(np.delete(errors, k)) for k in range(n)])
    residuals = np.sort(np.abs(errors - others))
    reach = float(residuals[min(n - 1, math.ceil((n + 1) * (1 - alpha)) - 1)])
    plain = np.abs(came - (came.sum() - came) / (n - 1))
    return Estimate(
        value=expected + bias,
        lower=expected + bias - reach,
        upper=expected + bias + reach,
        days=n,
        error=float(residuals.mean()),
        plain_error=float(plain.mean()),
    )
