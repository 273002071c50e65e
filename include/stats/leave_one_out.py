"""Standard errors of any statistic of rows that depend within blocks, by leaving out one block at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from include.stats.bounds import Estimated
from include.stats.placements import codes_of

Statistic = Callable[[NDArray[np.bool_]], float]
_FEWEST = 2


def leave_one_block_out(statistic: Statistic, blocks: ArrayLike) -> Estimated:
    """Return a statistic of all rows with its standard error.

    variance = (G - 1) / G sum (s_g - mean s)^2, with s_g the statistic without block g; G - 1 degrees of
    freedom. Of the errors that are robust to dependence within blocks, it is the one that errs on the safe
    side when blocks are few or of unequal size. It needs a smooth statistic: a mean, a ratio, an AUC; not a
    median or a maximum. Nothing is drawn at random, so the same rows give the same error.

    Args:
        statistic: takes a mask of the rows to use and returns a number.
        blocks: n labels of blocks, for example the day of each row; at least two differ.

    Raises:
        ValueError: fewer than two blocks, or the statistic cannot be computed without one of them: then that
            block alone decides, and nothing can be said of the error.

    Sources: Tukey (1958); for blocks MacKinnon, Nielsen & Webb (2023), Journal of Econometrics 232.

    >>> values, days = np.array([1.0, 3.0, 5.0, 7.0]), np.array(["a", "a", "b", "b"])
    >>> leave_one_block_out(lambda rows: float(values[rows].mean()), days)
    Estimated(value=4.0, standard_error=2.0, degrees_of_freedom=1.0)
    """
    codes = codes_of(blocks, len(np.asarray(blocks)))
    groups = int(codes.max()) + 1
    whole = statistic(np.ones(len(codes), dtype=bool))
    without = np.array([statistic(codes != group) for group in range(groups)])
    if groups < _FEWEST or not np.isfinite(without).all():
        lost = int((~np.isfinite(without)).sum())
        raise ValueError(
            f"Without one of {lost} of the {groups} blocks there is no such figure; give more blocks"
        )
    spread = float(((without - without.mean()) ** 2).sum())
    return Estimated(whole, math.sqrt((groups - 1) / groups * spread), float(groups - 1))
