"""Problems whose label is a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from include.errors import UseCaseError
from include.problems.base import Array, Labels, PointMetric, ProblemKind, asked

if TYPE_CHECKING:
    import pandas as pd

# An expected number of exactly 0 would make one event infinitely surprising.
_LEAST_EXPECTED = 1e-6


@dataclass(frozen=True)
class Regression(ProblemKind):
    """A label of any number; a score is the expected value."""

    classifies = False
    predict_method = "predict"

    def scores(self, model: Any, rows: pd.DataFrame) -> Array:
        return asked(model, self.predict_method, rows).astype(np.float64)

    @property
    def _functions(self) -> Mapping[str, PointMetric]:
        from sklearn.metrics import median_absolute_error

        return {
            "rmse": _rmse,
            "mae": _mae,
            "median_absolute_error": median_absolute_error,
            "r2": lambda label, score: _explained(_squared(label, score), _squared(label, np.mean(label))),
        }

    def row_losses(self, label: Labels, score: Array) -> Array:
        """Return the squared error, in the square of the label's unit."""
        return _squared(label, score)

    def typed(self, outcome: pd.Series) -> pd.Series:
        import pandas as pd

        try:
            numbers = pd.to_numeric(outcome).astype("float64")
        except (TypeError, ValueError) as error:
            raise UseCaseError(f"A label of kind {self.name} is no number: {error}") from error
        if np.isinf(numbers).any():
            raise UseCaseError(
                f"{int(np.isinf(numbers).sum())} labels are infinite; limit the column with contract.columns"
            )
        return numbers

    def read(self, label: pd.Series) -> pd.Series:
        return label.astype("float64")

    def varies(self, label: Labels) -> bool:
        return len(label) > 0 and bool(np.ptp(label) > 0)


@dataclass(frozen=True)
class Count(Regression):
    """A label of 0, 1, 2, ...; a score is the expected number, above 0."""

    def scores(self, model: Any, rows: pd.DataFrame) -> Array:
        return np.maximum(super().scores(model, rows), _LEAST_EXPECTED)

    @property
    def _functions(self) -> Mapping[str, PointMetric]:
        return {
            "poisson_deviance": lambda label, score: float(self.row_losses(label, score).mean()),
            "rmse": _rmse,
            "mae": _mae,
            "d2": lambda label, score: _explained(
                self.row_losses(label, score), self.row_losses(label, np.full(len(label), np.mean(label)))
            ),
        }

    def row_losses(self, label: Labels, score: Array) -> Array:
        """Return the Poisson deviance 2 (y log(y / mu) - y + mu) (McCullagh & Nelder 1989, section 2.3)."""
        counted, expected = np.asarray(label, dtype=np.float64), np.maximum(score, _LEAST_EXPECTED)
        surprise = counted * np.log(np.where(counted > 0, counted, 1.0) / expected)
        # Rounding may leave a perfect answer a hair below 0.
        return np.maximum(2 * (np.where(counted > 0, surprise, 0.0) - counted + expected), 0.0)

    def typed(self, outcome: pd.Series) -> pd.Series:
        numbers = super().typed(outcome)
        present = numbers.dropna()
        if wrong := int(((present < 0) | (present != present.round())).sum()):
            raise UseCaseError(
                f"{wrong} labels are no counts: below 0, or between whole numbers; correct them upstream, or "
                "declare problem.kind: regression"
            )
        return numbers


def _squared(label: Labels, score: Any) -> Array:
    return np.asarray((np.asarray(label, dtype=np.float64) - score) ** 2)


def _rmse(label: Labels, score: Array) -> float:
    return float(np.sqrt(_squared(label, score).mean()))


def _mae(label: Labels, score: Array) -> float:
    return float(np.abs(np.asarray(label, dtype=np.float64) - score).mean())


def _explained(losses: Array, of_the_mean: Array) -> float:
    """Return the share of the mean's loss that is gone; NaN where all labels are equal."""
    return float(1 - losses.sum() / of_the_mean.sum()) if of_the_mean.sum() > 0 else float("nan")
