"""How much one feature alone tells of the label: implausibly much looks like a leak."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

_CLASSES = 2


def single_feature_aucs(
    rows: pd.DataFrame, label: pd.Series, days: pd.Series, *, numbers: list[str], categories: list[str]
) -> dict[str, float | None]:
    """Return the AUC of each feature alone, folded above .5.

    Categories are encoded by the label's mean on every other day and judged on the days between, so that rare
    categories do not look better than they are.

    Returns:
        AUCs by feature; None where the rows to judge on hold one label only, so nothing can be said.
    """
    order = {day: index for index, day in enumerate(sorted(days.unique()))}
    encoding = days.map(order).to_numpy() % 2 == 0
    y = label.to_numpy()
    found = {name: _folded(y, _filled(rows[name])) for name in numbers}
    for name in categories:
        means = label[encoding].groupby(rows[name][encoding]).mean()
        codes = rows[name][~encoding].map(means.to_dict()).astype("float64").fillna(label[encoding].mean())
        found[name] = _folded(y[~encoding], codes.to_numpy())
    return found


def _filled(values: pd.Series) -> np.ndarray:
    return values.fillna(values.median() if values.notna().any() else 0.0).to_numpy()


def _folded(y: np.ndarray, score: np.ndarray) -> float | None:
    if len(np.unique(y)) < _CLASSES:
        return None
    auc = float(roc_auc_score(y, score))
    return round(max(auc, 1 - auc), 4)
