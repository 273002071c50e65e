"""The simplest answers, without any feature: what a model must beat to be worth anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from include import partitions
from include.lake import LABEL, PARTITION
from include.problems import Multiclass, ProblemKind
from include.problems.base import Array

if TYPE_CHECKING:
    import pandas as pd

PRIOR, SEASONAL = "prior", "seasonal"


def naive_scores(kind: ProblemKind, learned: pd.DataFrame, asked: pd.DataFrame) -> dict[str, Array]:
    """Return the scores of two models without features for some rows.

    `prior` answers the mean of the label (for classes their shares), `seasonal` the same of its weekday, and
    the prior for a weekday that was never seen.
    """
    prior = _usual(kind, learned[LABEL])
    weekday = _weekdays(learned)
    by_weekday = {day: _usual(kind, learned[LABEL][weekday == day]) for day in set(weekday)}
    seasonal = [by_weekday.get(day, prior) for day in _weekdays(asked)]
    return {PRIOR: np.asarray([prior] * len(asked)), SEASONAL: np.asarray(seasonal)}


def _usual(kind: ProblemKind, label: pd.Series) -> np.ndarray | float:
    if isinstance(kind, Multiclass):
        return np.asarray([float((label == name).mean()) for name in kind.classes])
    return float(label.mean())


def _weekdays(rows: pd.DataFrame) -> np.ndarray:
    days = {key: partitions.parse(key).weekday() for key in rows[PARTITION].unique()}
    return np.asarray([days[key] for key in rows[PARTITION]])
