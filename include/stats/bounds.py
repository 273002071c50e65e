"""Bounds around an estimated value, from its standard error and degrees of freedom."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import t as student_t

from include.stats.arguments import require_level


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
