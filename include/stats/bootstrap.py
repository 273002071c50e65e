"""Standard errors by drawing whole blocks anew, for statistics of counts that are kept by block."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from include.stats.bounds import Estimated

_FEWEST = 2


def bootstrap_blocks(
    counts: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    resamples: int,
    seed: int,
) -> Estimated:
    """Return a statistic of summed counts with its standard error over blocks drawn with replacement.

    Args:
        counts: G blocks x k counts; only their sums matter to the statistic.
        statistic: takes m x k sums and returns m numbers, so that all draws are computed at once.
        resamples: number of draws, 100 or more.
        seed: of the draws; the same seed gives the same error.

    Raises:
        ValueError: fewer than two blocks, or a statistic that no draw allows.

    Source: Davison & Hinkley (1997), Bootstrap Methods and their Application, section 3.8; Student's t with
    G - 1 degrees of freedom makes up for few blocks.

    >>> sums = np.array([[1.0, 10.0], [3.0, 10.0], [2.0, 10.0]])
    >>> share = bootstrap_blocks(sums, lambda drawn: drawn[:, 0] / drawn[:, 1], resamples=400, seed=1)
    >>> share.value, 0.03 < share.standard_error < 0.07
    (0.2, True)
    """
    groups = len(counts)
    if groups < _FEWEST:
        raise ValueError(f"{groups} block; at least two are needed to see how blocks differ")
    drawn = np.random.default_rng(seed).multinomial(groups, [1 / groups] * groups, size=resamples)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = float(statistic(counts.sum(axis=0, keepdims=True))[0])
        found = statistic(drawn @ counts)
    found = found[np.isfinite(found)]
    if len(found) < resamples / 2 or not np.isfinite(whole):
        raise ValueError("Too few draws hold the rows that this figure needs; give more days")
    # The draws' spread is that of a sum of squares over G, of an unbiased one over G - 1.
    error = float(found.std(ddof=1)) * float(np.sqrt(groups / (groups - 1)))
    return Estimated(whole, error, float(groups - 1))
