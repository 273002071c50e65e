"""Loss at fixed inputs: how the same scores fare now, whatever the mix of rows.

A loss may rise because harder rows come (the mix of scores moved) or because the relation of inputs and label
changed (the same scores turn out otherwise). Within a bin of scores only the second can move it. Weighing the
bins as the baseline did is what epidemiology calls direct standardisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from include.stats.arguments import Vector, finite_vector

_LEAST_COVERED = 0.5


@dataclass(frozen=True)
class Bins:
    """What fell into each bin of scores.

    Attributes:
        rows: labelled rows.
        positives: of them; 0 where labels are not 0 or 1.
        score: sum of their scores.
        loss: sum of their losses.
    """

    rows: list[int]
    positives: list[int]
    score: list[float]
    loss: list[float]


def bin_edges(scores: Sequence[float] | Vector, bins: int = 10) -> list[float]:
    """Return the inner edges of bins that hold equally many of these scores; fewer where scores tie.

    >>> bin_edges([0.1, 0.2, 0.3, 0.4], bins=2)
    [0.25]
    """
    values = finite_vector(scores, "scores")
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return [float(edge) for edge in edges if values.min() < edge <= values.max()]


def binned(edges: Sequence[float], scores: Vector, losses: Vector, positives: Vector | None = None) -> Bins:
    """Add up scores, losses and labels (0 or 1, where given) by bin."""
    place, size = np.searchsorted(np.asarray(edges), scores, side="right"), len(edges) + 1
    labels = np.zeros(len(place)) if positives is None else positives
    return Bins(
        rows=np.bincount(place, minlength=size).tolist(),
        positives=np.bincount(place, labels, minlength=size).astype(int).tolist(),
        score=np.bincount(place, scores, minlength=size).round(6).tolist(),
        loss=np.bincount(place, losses, minlength=size).round(6).tolist(),
    )


def standardised_loss(found: Bins, weights: Sequence[float]) -> float | None:
    """Return the mean loss that a day would show with the baseline's mix of scores.

    Args:
        found: the day.
        weights: share of the baseline's rows in each bin.

    Returns:
        None where the day's bins cover less than half of the baseline's rows.

    >>> standardised_loss(Bins([2, 0], [1, 0], [1.0, 0.0], [1.4, 0.0]), [0.6, 0.4])
    0.7
    """
    rows, share = np.asarray(found.rows, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    held = rows > 0
    if not held.any() or share[held].sum() < _LEAST_COVERED * share.sum():
        return None
    means = np.asarray(found.loss)[held] / rows[held]
    return float((means * share[held]).sum() / share[held].sum())


def calibration_error(found: Bins) -> float:
    """Return the expected calibration error: |share of positives - mean score|, by bin, weighted by rows.

    Source: Naeini, Cooper & Hauskrecht (2015), AAAI.
    """
    rows = np.asarray(found.rows, dtype=np.float64)
    gaps = np.abs(np.asarray(found.positives) - np.asarray(found.score))
    return float(gaps.sum() / rows.sum()) if rows.sum() else float("nan")


def pooled(days: Sequence[Bins]) -> Bins:
    """Add up the bins of several days."""
    parts = {name: np.array([getattr(day, name) for day in days]).sum(axis=0) for name in vars(days[0])}
    return Bins(**{name: total.tolist() for name, total in parts.items()})
