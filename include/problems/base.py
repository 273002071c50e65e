"""The interface of a problem kind. Pure: labels and scores in, numbers out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from include.use_case_sections import Problem

Array = NDArray[np.float64]
# A label of several classes is text; all others are numbers.
Labels = NDArray[Any]
PointMetric = Callable[[Labels, Array], float]
SCORE = "score"


@dataclass(frozen=True)
class ProblemKind(ABC):
    """One kind of problem.

    Attributes:
        problem: the declared section; it names the metrics, their directions and the primary one.
        classifies: whether labels are classes and scores probabilities.
        predict_method: the method of a scikit-learn model that gives the scores.
    """

    problem: Problem
    classifies: ClassVar[bool]
    predict_method: ClassVar[str]

    @property
    def name(self) -> str:
        return self.problem.kind

    @property
    def primary(self) -> str:
        """Name of the metric that a rule judges by when it names none."""
        return self.problem.primary

    @property
    def row_loss(self) -> str:
        """Name of what `row_losses` computes."""
        return self.problem.row_loss

    def higher_is_better(self, metric: str) -> bool:
        """Tell the direction of a metric; `KeyError` when this kind has none of that name."""
        return self.problem.directions[metric]

    @property
    @abstractmethod
    def _functions(self) -> Mapping[str, PointMetric]:
        """The metrics by name, the same names as in the declaration's `directions`."""

    def metric(self, name: str) -> PointMetric:
        """Return one metric as a function of label and score; `KeyError` when there is none of that name."""
        return self._functions[name]

    def metrics(self, label: Labels, score: Array) -> dict[str, float]:
        """Return all metrics; NaN where the labels do not allow one, such as an AUC of one class."""
        return {name: float(function(label, score)) for name, function in self._functions.items()}

    @abstractmethod
    def scores(self, model: Any, rows: pd.DataFrame) -> Array:
        """Ask a fitted scikit-learn pipeline; columns are found by name, others are left alone."""

    @abstractmethod
    def row_losses(self, label: Labels, score: Array) -> Array:
        """Return the loss of each row, n numbers of 0 or more. Their mean is the loss of the rows."""

    @abstractmethod
    def typed(self, outcome: pd.Series) -> pd.Series:
        """Return labels as the labels table stores them, null where the outcome is.

        Raises:
            UseCaseError: a value that is no label of this kind.
        """

    @abstractmethod
    def read(self, label: pd.Series) -> pd.Series:
        """Return stored labels, without nulls, as models and metrics take them."""

    def stored(self, score: Array) -> dict[str, Array]:
        """Return the columns that a score takes in the predictions table."""
        return {SCORE: score}

    def restored(self, predictions: pd.DataFrame) -> Array:
        """Return the score as the model gave it, from the columns of the predictions table."""
        return predictions[SCORE].to_numpy()

    @abstractmethod
    def varies(self, label: Labels) -> bool:
        """Tell whether there is anything to learn or to judge: more than one value."""


def asked(model: Any, method: str, rows: pd.DataFrame) -> NDArray[Any]:
    """Call a method of a model on its own columns."""
    return np.asarray(getattr(model, method)(rows[list(model.feature_names_in_)]))
