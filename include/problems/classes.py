"""Problems whose label is a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from include.errors import UseCaseError
from include.problems.base import SCORE, Array, Labels, PointMetric, ProblemKind, asked

if TYPE_CHECKING:
    import pandas as pd

# Without it one impossible outcome would make a mean loss infinite. The same bound as scikit-learn's for
# numbers of double precision.
_EPSILON = float(np.finfo(np.float64).eps)
_SHOWN = 5
_NO_TEXT: Any = None
PREDICTED = "predicted"


@dataclass(frozen=True)
class Binary(ProblemKind):
    """A label of 0 or 1; a score is the probability of 1."""

    classifies = True
    predict_method = "predict_proba"

    def scores(self, model: Any, rows: pd.DataFrame) -> Array:
        return asked(model, self.predict_method, rows)[:, 1]

    @property
    def _functions(self) -> Mapping[str, PointMetric]:
        from sklearn.metrics import brier_score_loss

        return {
            "roc_auc": _auc,
            "average_precision": _average_precision,
            "log_loss": _log_loss,
            "brier": brier_score_loss,
        }

    def row_losses(self, label: Labels, score: Array) -> Array:
        """Return the log loss: -log of the probability that was given to what happened."""
        given = np.where(np.asarray(label) == 1, score, 1 - score)
        return np.asarray(-np.log(np.clip(given, _EPSILON, 1.0)))

    def typed(self, outcome: pd.Series) -> pd.Series:
        return outcome.astype("boolean").astype("Int8").where(outcome.notna())

    def read(self, label: pd.Series) -> pd.Series:
        return label.astype("int64")

    def varies(self, label: Labels) -> bool:
        return len(np.unique(label)) > 1


def _auc(label: Labels, score: Array) -> float:
    from include.stats.auc import auc_of

    # Monitoring asks it of every day of its window: scikit-learn takes ten times as long for the same number.
    if np.isnan(score).any():
        raise ValueError(f"{int(np.isnan(score).sum())} scores are missing; an AUC needs them all")
    return auc_of(label, score)


def _average_precision(label: Labels, score: Array) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(label, score)) if len(np.unique(label)) > 1 else float("nan")


def _log_loss(label: Labels, score: Array) -> float:
    from sklearn.metrics import log_loss

    return float(log_loss(label, score, labels=[0, 1]))


@dataclass(frozen=True)
class Multiclass(ProblemKind):
    """A label of text; a score is n x k probabilities, in the order of the declared classes."""

    classes: tuple[str, ...] = ()
    classifies = True
    predict_method = "predict_proba"

    def scores(self, model: Any, rows: pd.DataFrame) -> Array:
        """Ask a model. A class that it never saw has the probability 0.

        Raises:
            UseCaseError: the model knows a class that is not declared.
        """
        found = asked(model, self.predict_method, rows)
        known = [str(name) for name in model.classes_]
        if unknown := sorted(set(known) - set(self.classes)):
            raise UseCaseError(f"The model knows the classes {unknown}, which problem.classes does not name")
        score = np.zeros((len(found), len(self.classes)))
        score[:, [self.classes.index(name) for name in known]] = found
        return score

    @property
    def _functions(self) -> Mapping[str, PointMetric]:
        return {
            "roc_auc_ovr": self._auc,
            "log_loss": lambda label, score: float(self.row_losses(label, score).mean()),
            "brier": self._brier,
            "accuracy": lambda label, score: float((self.chosen(score) == label).mean()),
            "balanced_accuracy": self._balanced_accuracy,
            "f1_macro": self._f1,
        }

    def chosen(self, score: Array) -> Labels:
        """Return the most probable class of each row; the first declared of equals."""
        return np.asarray(np.asarray(self.classes, dtype=object)[score.argmax(axis=1)])

    def _codes(self, label: Labels) -> np.ndarray:
        code = {name: index for index, name in enumerate(self.classes)}
        return np.asarray([code[str(name)] for name in label], dtype=np.int64)

    def _auc(self, label: Labels, score: Array) -> float:
        """Mean of the one-versus-rest AUCs of the classes that occur."""
        found = [
            _auc((label == name).astype(int), score[:, index])
            for index, name in enumerate(self.classes)
            if (label == name).any()
        ]
        return float(np.mean(found)) if found else float("nan")

    def _brier(self, label: Labels, score: Array) -> float:
        """Mean over rows of the squared distance from the outcome, summed over classes (Brier 1950)."""
        return float((((np.eye(len(self.classes))[self._codes(label)]) - score) ** 2).sum(axis=1).mean())

    def _balanced_accuracy(self, label: Labels, score: Array) -> float:
        chosen = self.chosen(score)
        return float(np.mean([(chosen[label == name] == name).mean() for name in np.unique(label)]))

    def _f1(self, label: Labels, score: Array) -> float:
        from sklearn.metrics import f1_score

        return float(f1_score(label, self.chosen(score), average="macro", zero_division=0.0))

    def row_losses(self, label: Labels, score: Array) -> Array:
        """Return the log loss: -log of the probability that was given to the class that came."""
        given = score[np.arange(len(score)), self._codes(label)]
        return np.asarray(-np.log(np.clip(given, _EPSILON, 1.0)))

    def typed(self, outcome: pd.Series) -> pd.Series:
        text: pd.Series = outcome.astype("string").astype(object)
        text = text.mask(outcome.isna(), _NO_TEXT)
        if unknown := sorted(set(text.dropna()) - set(self.classes)):
            raise UseCaseError(
                f"The label is {unknown[:_SHOWN]} in some rows, which problem.classes does not name; add the "
                "class, or refuse such batches with contract.columns.<label>.categories"
            )
        return text

    def read(self, label: pd.Series) -> pd.Series:
        text: pd.Series = label.astype(str).astype(object)
        return text

    def varies(self, label: Labels) -> bool:
        return len(set(label)) > 1

    def stored(self, score: Array) -> dict[str, Array]:
        """Store each class' probability as `score_<class>`; `score` is that of the class predicted."""
        columns = {f"{SCORE}_{name}": score[:, index] for index, name in enumerate(self.classes)}
        return {SCORE: score.max(axis=1), PREDICTED: self.chosen(score), **columns}

    def restored(self, predictions: pd.DataFrame) -> Array:
        return predictions[[f"{SCORE}_{name}" for name in self.classes]].to_numpy()
