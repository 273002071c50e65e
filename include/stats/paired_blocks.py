"""The mean difference of paired values, with period blocks as the independent units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from include.stats.arguments import Vector, finite_vector, require_level

_FEWEST_BLOCKS = 2


@dataclass(frozen=True)
class PairedDifference:
    """Mean of block differences with its standard error, in the unit of the values."""

    difference: float
    standard_error: float
    degrees_of_freedom: float

    def lower(self, alpha: float) -> float:
        """One-sided lower bound: the true difference lies below it in at most alpha of cases."""
        return self.difference - self._reach(alpha)

    def upper(self, alpha: float) -> float:
        """One-sided upper bound."""
        return self.difference + self._reach(alpha)

    def _reach(self, alpha: float) -> float:
        require_level(alpha)
        return float(student_t.ppf(1 - alpha, self.degrees_of_freedom)) * self.standard_error


def paired_block_difference(
    differences: Sequence[float] | Vector, blocks: NDArray[np.str_]
) -> PairedDifference:
    """Return the mean over blocks of the blocks' mean differences (Student 1908).

    Args:
        differences: n differences of paired values.
        blocks: n names of blocks, for example the day of each row.

    Raises:
        ValueError: fewer than two blocks, a difference that is not finite, or lengths that differ.

    >>> paired_block_difference([0.1, 0.3, 0.2, 0.2], np.array(["a", "a", "b", "b"])).difference
    0.2
    """
    values = finite_vector(differences, "differences")
    names = np.unique(blocks)
    if len(values) != len(blocks) or len(names) < _FEWEST_BLOCKS:
        raise ValueError(
            f"{len(values)} differences in {len(names)} blocks of {len(blocks)} rows; two blocks are needed"
        )
    means = np.array([values[blocks == name].mean() for name in names])
    error = float(means.std(ddof=1)) / math.sqrt(len(means))
    return PairedDifference(float(means.mean()), error, float(len(means) - 1))
