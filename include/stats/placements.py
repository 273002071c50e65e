"""Placement values: how each row stands among the rows of the other class. The parts of an AUC's variance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from include.stats.arguments import Vector

_CLASSES = 2


def positives_of(y: ArrayLike) -> NDArray[np.bool_]:
    """Return a mask of the positive rows.

    Raises:
        ValueError: labels other than 0 and 1, or fewer than two rows of a class.
    """
    labels = np.asarray(y)
    if labels.ndim != 1 or not np.isin(labels, [0, 1]).all():
        raise ValueError(
            f"Labels of shape {labels.shape} hold values other than 0 and 1; drop rows without a label"
        )
    positive = labels.astype(bool)
    count = int(positive.sum())
    if min(count, len(positive) - count) < _CLASSES:
        raise ValueError(
            f"{count} positives, {len(positive) - count} negatives; an AUC with its error needs two of each"
        )
    return positive


def codes_of(blocks: ArrayLike, rows: int) -> NDArray[np.intp]:
    """Return the number of the block of each row, 0 to G - 1.

    Raises:
        ValueError: not one label per row, a label is missing, or fewer than two blocks.
    """
    import pandas as pd

    codes, names = pd.factorize(np.asarray(blocks))
    if len(codes) != rows:
        raise ValueError(f"{len(codes)} block labels for {rows} rows; give one label per row")
    if (codes < 0).any():
        raise ValueError(
            f"{int((codes < 0).sum())} rows have no block label; give every row its block, e.g. its day"
        )
    if len(names) < _CLASSES:
        raise ValueError(f"{len(names)} block; at least two are needed to see how blocks differ")
    return codes


def placements(positive: NDArray[np.bool_], score: ArrayLike, name: str) -> tuple[Vector, Vector]:
    """Return for each positive the share of negatives below it, and for each negative of positives above it.

    Ties count one half. Both means are the AUC. From midranks in O(n log n): Sun & Xu (2014).

    Raises:
        ValueError: not one score per row, or NaN.
    """
    scores = np.asarray(score, dtype=np.float64)
    if scores.shape != positive.shape:
        raise ValueError(
            f"{name} has shape {scores.shape} for {len(positive)} labels; give one score per row"
        )
    if np.isnan(scores).any():
        raise ValueError(
            f"{name} holds {int(np.isnan(scores).sum())} NaN; a row without a score cannot be ranked"
        )
    ranks = rankdata(scores)
    above = ranks[positive] - rankdata(scores[positive])
    below = ranks[~positive] - rankdata(scores[~positive])
    return above / len(below), 1 - below / len(above)


def independent_error(on_positives: Vector, on_negatives: Vector) -> tuple[float, float]:
    """Standard error and degrees of freedom (infinite) for independent rows: DeLong et al. (1988)."""
    variance = on_positives.var(ddof=1) / len(on_positives) + on_negatives.var(ddof=1) / len(on_negatives)
    return math.sqrt(variance), math.inf


def clustered_error(
    on_positives: Vector, on_negatives: Vector, positive: NDArray[np.bool_], codes: NDArray[np.intp]
) -> tuple[float, float]:
    """Standard error and degrees of freedom for rows that depend within blocks: Obuchowski (1997).

    With centred placements summed per block, x over its positives and y over its negatives, m positives, n
    negatives and G blocks, of which G1 hold positives and G0 negatives:
    variance = G1/(G1-1) sum x^2 / m^2 + G0/(G0-1) sum y^2 / n^2 + 2 G/(G-1) sum xy / (m n).
    The degrees of freedom are min(G1, G0) - 1, which is G - 1 where every block holds both classes.

    Raises:
        ValueError: a class occurs in fewer than two blocks.
    """
    groups = int(codes.max()) + 1
    with_positives = len(np.unique(codes[positive]))
    with_negatives = len(np.unique(codes[~positive]))
    fewest = min(with_positives, with_negatives)
    if fewest < _CLASSES:
        raise ValueError(f"A class occurs in {fewest} block only; at least two blocks must hold it")
    x = np.bincount(codes[positive], on_positives - on_positives.mean(), groups) / len(on_positives)
    y = np.bincount(codes[~positive], on_negatives - on_negatives.mean(), groups) / len(on_negatives)
    variance = (
        with_positives / (with_positives - 1) * (x @ x)
        + with_negatives / (with_negatives - 1) * (y @ y)
        + 2 * groups / (groups - 1) * (x @ y)
    )
    return math.sqrt(max(0.0, float(variance))), float(fewest - 1)
