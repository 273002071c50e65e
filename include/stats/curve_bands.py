"""Pointwise bands around ROC and precision-recall curves, by drawing whole blocks anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GRID = np.linspace(0.0, 1.0, 101)
_FEWEST = 2


@dataclass(frozen=True)
class Band:
    """The reach of a curve: `low` and `high` at each of the points `at`, all of one length."""

    at: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def roc_band(y: ArrayLike, score: ArrayLike, blocks: ArrayLike, *, level: float, seed: int) -> Band:
    """Return the band of the share of positives found, at 101 shares of negatives alarmed.

    Args:
        y: n labels, 0 or 1.
        score: n scores; higher means more likely 1.
        blocks: n labels of blocks, for example the day of each row; whole blocks are drawn.
        level: share of the draws between the two sides at each point, such as .9.
        seed: of the 200 draws.

    Raises:
        ValueError: fewer than two blocks.

    Source: Davison & Hinkley (1997), Bootstrap Methods and their Application, section 3.8.

    >>> band = roc_band([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.8], [1, 1, 2, 2], level=0.9, seed=1)
    >>> float(band.low[50]), float(band.high[50])
    (1.0, 1.0)
    """
    found, alarmed = _cumulated(y, score, blocks, seed)
    curves = [
        np.interp(_GRID, np.r_[0.0, wrong / wrong[-1]], np.r_[0.0, right / right[-1]])
        for right, wrong in zip(found, alarmed, strict=True)
        if right[-1] and wrong[-1]
    ]
    return _band(curves, level)


def precision_recall_band(
    y: ArrayLike, score: ArrayLike, blocks: ArrayLike, *, level: float, seed: int
) -> Band:
    """Return the band of the share of alarms that are right, at 101 shares of positives found.

    Arguments, errors and source are those of `roc_band`. Between two scores the curve is taken as straight,
    which flatters it a little where scores are few (Davis & Goadrich 2006).
    """
    found, alarmed = _cumulated(y, score, blocks, seed)
    curves = []
    for right, wrong in zip(found, alarmed, strict=True):
        total = right + wrong
        some = total > 0
        if right[-1]:
            precision = right[some] / total[some]
            curves.append(np.interp(_GRID, right[some] / right[-1], precision))
    return _band(curves, level)


def _cumulated(
    y: ArrayLike, score: ArrayLike, blocks: ArrayLike, seed: int, *, draws: int = 200
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for each draw the positives and negatives at or above each score, highest first."""
    label, values = np.asarray(y, dtype=np.float64), np.asarray(score, dtype=np.float64)
    names, codes = np.unique(np.asarray(blocks), return_inverse=True)
    if len(names) < _FEWEST:
        raise ValueError(f"{len(names)} block; at least two are needed to see how blocks differ")
    order = np.argsort(-values, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(values[order]) != 0, True])
    weights = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), size=draws)
    drawn = weights[:, codes[order]].astype(np.float64)
    positive = label[order]
    return np.cumsum(drawn * positive, axis=1)[:, last], np.cumsum(drawn * (1 - positive), axis=1)[:, last]


def _band(curves: list[NDArray[np.float64]], level: float) -> Band:
    if not curves:
        raise ValueError("No draw holds both labels; give more blocks")
    low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Band(_GRID, low, high)
