"""How much one feature alone, and all together, tell of the label: implausibly much looks like a leak.

For classes the figure is an AUC, for numbers the size of a rank correlation (Spearman). Whatever is learned
for a figure is learned on every other day and judged on the days between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from include.lake import LABEL, PARTITION
from include.problems import Multiclass, ProblemKind
from include.use_case_sections import GradientBoosting, LinearModel

if TYPE_CHECKING:
    from include.training.fitting import Recipe

_CLASSES = 2
_BINS = 20
# Enough to see a leak; a shallow model of so many rows costs a fraction of the training.
_JOINT_ROWS = 2500
_BLAMED = 2
# Shallow: it finds what is written on the label's face, and little of what must be learned.
_TREES = GradientBoosting(
    kind="gradient_boosting", max_iter=30, learning_rate=0.3, max_leaf_nodes=8, min_samples_leaf=20
)
_LINE = LinearModel(kind="linear")


def single_feature_scores(
    kind: ProblemKind,
    rows: pd.DataFrame,
    label: pd.Series,
    days: pd.Series,
    *,
    numbers: list[str],
    categories: list[str],
) -> dict[str, float | None]:
    """Return how well each feature alone orders the rows by their label, from chance to 1.

    A number is taken as it is where the label has two classes or is a number; for several classes, by 20
    quantile bins. Categories are encoded by what the label was on every other day and judged on the days
    between, so that rare categories do not look better than they are.

    Returns:
        Figures by feature; None where the rows to judge on hold one label only, so nothing can be said.
    """
    encoding = _every_other(days)
    names = [(name, False) for name in numbers] + [(name, True) for name in categories]
    if isinstance(kind, Multiclass):
        keys = {
            name: rows[name].astype(object) if text else _binned(rows[name], encoding) for name, text in names
        }
        return {name: _of_classes(kind, key, label, encoding) for name, key in keys.items()}
    y = label.to_numpy()
    folded = _folded if kind.classifies else _correlation
    found: dict[str, float | None] = {}
    for name, text in names:
        if text:
            means = label[encoding].groupby(rows[name][encoding]).mean()
            codes = rows[name][~encoding].map(means.to_dict()).astype("float64")
            found[name] = folded(y[~encoding], codes.fillna(label[encoding].mean()).to_numpy())
        else:
            found[name] = folded(y, _filled(rows[name]))
    return found


def _every_other(days: pd.Series) -> np.ndarray:
    order = {day: index for index, day in enumerate(sorted(days.unique()))}
    return np.asarray(days.map(order).to_numpy() % 2 == 0)


def _filled(values: pd.Series) -> np.ndarray:
    return values.fillna(values.median() if values.notna().any() else 0.0).to_numpy()


def _folded(y: np.ndarray, score: np.ndarray) -> float | None:
    if len(np.unique(y)) < _CLASSES:
        return None
    auc = float(roc_auc_score(y, score))
    return round(max(auc, 1 - auc), 4)


def _correlation(y: np.ndarray, score: np.ndarray) -> float | None:
    if len(np.unique(y)) < _CLASSES:
        return None
    if len(np.unique(score)) < _CLASSES:
        return 0.0
    return round(abs(float(np.corrcoef(rankdata(y), rankdata(score))[0, 1])), 4)


def _binned(values: pd.Series, encoding: np.ndarray) -> pd.Series:
    edges = np.unique(values[encoding].dropna().quantile(np.linspace(0, 1, _BINS + 1)[1:-1]))
    return pd.Series(np.searchsorted(edges, values, side="right"), index=values.index).where(values.notna())


def _of_classes(kind: Multiclass, key: pd.Series, label: pd.Series, encoding: np.ndarray) -> float | None:
    """Return the one-versus-rest AUC of the shares of the classes under each value of a key."""
    judged = label[~encoding].to_numpy()
    if len(np.unique(judged)) < _CLASSES:
        return None
    shares = pd.crosstab(key[encoding], label[encoding], normalize="index")
    usual = label[encoding].value_counts(normalize=True)
    score = np.column_stack(
        [
            key[~encoding]
            .map(shares[name].to_dict() if name in shares else {})
            .astype("float64")
            .fillna(usual.get(name, 0.0))
            for name in kind.classes
        ]
    )
    return round(kind.metric("roc_auc_ovr")(judged, score), 4)


@dataclass(frozen=True)
class Joint:
    """What the features tell together.

    Attributes:
        score: that of the better of two shallow models; None where nothing can be said.
        blamed: the features without which it falls most, worst first.
    """

    score: float | None
    blamed: list[str]


def joint_score(rows: pd.DataFrame, recipe: Recipe, *, limit: float) -> Joint:
    """Return how well a shallow model of all features orders the rows by their label.

    It finds what no feature tells alone: a label that was split over two columns, or hidden under noise that
    another column holds as well.

    Args:
        rows: features, label and partition of the days that are learned from.
        recipe: of the training.
        limit: figures above it are looked into, which takes longer.
    """
    encoding = _every_other(rows[PARTITION])
    learned, judged = (_sampled(part, recipe.seed) for part in (rows[encoding], rows[~encoding]))
    varied = [recipe.kind.varies(part[LABEL].to_numpy()) for part in (learned, judged)]
    if not all(varied) or not recipe.names:
        return Joint(None, [])
    from include.training.fitting import fit

    plain = replace(recipe, weights=None)
    found = [fit(model, learned, plain) for model in (_TREES, _LINE)]
    scores = [_judged(model, judged, recipe) for model in found]
    best = int(np.nanargmax(scores))
    if not scores[best] > limit:
        return Joint(round(scores[best], 4), [])
    return Joint(round(scores[best], 4), _blamed(found[best], judged, recipe))


def _sampled(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    return rows if len(rows) <= _JOINT_ROWS else rows.sample(_JOINT_ROWS, random_state=seed)


def _judged(model: Any, rows: pd.DataFrame, recipe: Recipe) -> float:
    kind, label = recipe.kind, rows[LABEL].to_numpy()
    score = kind.scores(model, rows)
    if kind.classifies:
        return kind.metric("roc_auc_ovr" if isinstance(kind, Multiclass) else "roc_auc")(label, score)
    return _correlation(label, score) or 0.0


def _blamed(model: Any, rows: pd.DataFrame, recipe: Recipe) -> list[str]:
    random = np.random.default_rng(recipe.seed)
    without = {
        name: _judged(model, rows.assign(**{name: random.permutation(rows[name].to_numpy())}), recipe)
        for name in recipe.names
    }
    return sorted(without, key=lambda name: without[name])[:_BLAMED]
