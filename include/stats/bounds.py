"""Bounds around an estimated value, from its standard error and degrees of freedom."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import t as student_t

from include.stats.arguments import require_level

_FEWEST_BLOCKS = 2
_MOST_BLOCKS = 1000


class Bounded:
    """Bounds around a value, from Student's t; from the normal where the degrees of freedom are infinite."""

    standard_error: float
    degrees_of_freedom: float

    def _value(self) -> float:
        raise NotImplementedError

    def lower(self, alpha: float) -> float:
        """One-sided lower bound with error rate alpha, in (0, 0.5]."""
        return self._value() - self._quantile(alpha) * self.standard_error

    def upper(self, alpha: float) -> float:
        """One-sided upper bound with error rate alpha, in (0, 0.5]."""
        return self._value() + self._quantile(alpha) * self.standard_error

    def detectable(self, alpha: float, power: float) -> float:
        """Smallest true gap that a test at alpha finds with this power: (t_alpha + t_power) x error.

        A holdout whose detectable gap exceeds the gap that matters is too small to decide. One-sided, as the
        bounds are; power lies in [0.5, 1).
        """
        return (self._quantile(alpha) + self._quantile(1 - power, "1 - power")) * self.standard_error

    def blocks_needed(self, gap: float, alpha: float, power: float, *, blocks: int) -> int | None:
        """Return from how many blocks on a gap of this size would be detectable; None beyond 1,000.

        More blocks like these make the error fall with the root of their number and the quantiles with the
        degrees of freedom, of which there are one fewer than blocks.

        Args:
            gap: true gap that a test at alpha should find with this power, above 0.
            alpha: error rate of the test, in (0, 0.5].
            power: in [0.5, 1).
            blocks: number of blocks that the error rests on.

        >>> Estimated(0.0, 0.007, 6).blocks_needed(0.02, 0.05, 0.8, blocks=7)
        7
        >>> Estimated(0.0, 0.02, 6).blocks_needed(0.02, 0.05, 0.8, blocks=7)
        45
        """
        for number in range(_FEWEST_BLOCKS, _MOST_BLOCKS + 1):
            error = self.standard_error * math.sqrt(blocks / number)
            if Estimated(0.0, error, number - 1.0).detectable(alpha, power) <= gap:
                return number
        return None

    def _quantile(self, alpha: float, name: str = "alpha") -> float:
        require_level(alpha, name)
        return float(student_t.ppf(1 - alpha, self.degrees_of_freedom))


@dataclass(frozen=True)
class Estimated(Bounded):
    """Any value with its standard error.

    >>> round(Estimated(0.70, 0.01, 6).lower(0.05), 4)
    0.6806
    """

    value: float
    standard_error: float
    degrees_of_freedom: float

    def _value(self) -> float:
        return self.value
