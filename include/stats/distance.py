"""Distances between two profiles: summaries of a column, not its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import norm

from include.stats.arguments import Vector, finite_vector

_SD_PER_IQR = 1 / float(norm.ppf(0.75) - norm.ppf(0.25))


def quantile_distance(
    reference_quantiles: Sequence[float] | Vector,
    current_quantiles: Sequence[float] | Vector,
    probabilities: Sequence[float] | Vector | None = None,
) -> float:
    """Distance between two numeric distributions, in standard deviations of the reference.

    The Wasserstein-1 distance, which is the mean of |q_reference(p) - q_current(p)| over p, divided by the
    interquartile range of the reference / 1.349 (its standard deviation, were it normal): a plain shift by
    0.1 standard deviations reads 0.1, whatever the unit. A reference whose quartiles coincide is scaled by
    its standard deviation; a constant reference by that of the half-and-half mixture of the two, so that
    leaving a constant reads at most 2 and is never infinite.

    Args:
        reference_quantiles: k >= 2 quantiles in ascending order.
        current_quantiles: k quantiles at the same probabilities.
        probabilities: k ascending probabilities in [0, 1]; by default evenly spaced from 0 (the minimum) to 1
            (the maximum).

    Raises:
        ValueError: lengths differ, fewer than 2 quantiles, a value is not finite (a column of nulls has no
            quantiles), or an order is broken.

    Source: Vallender (1974), Theory of Probability and its Applications 18, for the quantile form.

    >>> round(quantile_distance([0, 1, 2, 3, 4], [1, 2, 3, 4, 5]), 3)
    0.674
    """
    reference = _ascending(reference_quantiles, "reference_quantiles")
    current = _ascending(current_quantiles, "current_quantiles")
    grid = _grid(probabilities, len(reference))
    if not len(reference) == len(current) == len(grid):
        raise ValueError(
            f"{len(reference)} reference and {len(current)} current quantiles at {len(grid)} probabilities; "
            "take both profiles on one grid"
        )
    return float(quantile_distances(reference[None, :], current[None, :], grid)[0])


def quantile_distances(reference: Vector, current: Vector, probabilities: Vector | None = None) -> Vector:
    """Return the `quantile_distance` of each row of one table of quantiles to the same row of another.

    Args:
        reference: n rows of k quantiles in ascending order; not checked.
        current: n rows at the same probabilities.
        probabilities: k probabilities; evenly spaced from 0 to 1 where left out.
    """
    grid = np.linspace(0, 1, reference.shape[1]) if probabilities is None else probabilities
    gap = _means(np.abs(reference - current), grid)
    scale = _scales(reference, current, grid)
    result: Vector = np.where(gap > 0, gap / np.where(gap > 0, scale, 1.0), 0.0)
    return result


def total_variation(reference_counts: Mapping[str, int], current_counts: Mapping[str, int]) -> float:
    """Total variation distance of two categorical distributions, in [0, 1].

    Half the sum over all categories of |share in the reference - share now|: the share of rows that would
    have to change their category. A category absent from one side counts as 0 there.

    Raises:
        ValueError: a side holds no rows, or a count is negative.

    Source: Levin & Peres (2017), Markov Chains and Mixing Times, proposition 4.2.

    >>> total_variation({"EWR": 50, "JFK": 50}, {"EWR": 50, "JFK": 25, "LGA": 25})
    0.25
    """
    categories = sorted(reference_counts.keys() | current_counts.keys())
    reference = _shares([reference_counts.get(name, 0) for name in categories], "reference_counts")
    current = _shares([current_counts.get(name, 0) for name in categories], "current_counts")
    return min(1.0, float(np.abs(reference - current).sum()) / 2)


def share_difference(
    reference_count: int, reference_rows: int, current_count: int, current_rows: int
) -> float:
    """Absolute difference of two shares, for example of nulls, in [0, 1].

    Raises:
        ValueError: a side holds no rows, or a count lies outside 0..rows.

    >>> share_difference(0, 1000, 50, 1000)
    0.05
    """
    for name, count, rows in (
        ("reference", reference_count, reference_rows),
        ("current", current_count, current_rows),
    ):
        if rows < 1 or not 0 <= count <= rows:
            raise ValueError(
                f"The {name} share is {count} of {rows} rows; give 0 <= count <= rows, and rows above 0"
            )
    return abs(current_count / current_rows - reference_count / reference_rows)


def _ascending(values: Sequence[float] | Vector, name: str) -> Vector:
    vector = finite_vector(values, name, at_least=2)
    if (np.diff(vector) < 0).any():
        raise ValueError(f"{name} are not in ascending order; sort them by probability")
    return vector


def _grid(probabilities: Sequence[float] | Vector | None, length: int) -> Vector:
    if probabilities is None:
        return np.linspace(0, 1, length)
    grid = _ascending(probabilities, "probabilities")
    if grid[0] < 0 or grid[-1] > 1 or (np.diff(grid) == 0).any():
        raise ValueError(f"Probabilities run from {grid[0]} to {grid[-1]}; give distinct ones in [0, 1]")
    return grid


def _means(values: Vector, grid: Vector) -> Vector:
    """Mean of each row over the probabilities that the grid covers, by the trapezoidal rule."""
    result: Vector = np.trapezoid(values, grid, axis=1) / (grid[-1] - grid[0])
    return result


def _scales(reference: Vector, current: Vector, grid: Vector) -> Vector:
    lower, upper = (_at(probability, reference, grid) for probability in (0.25, 0.75))
    spread, constant = _deviations(reference, grid), reference[:, -1] <= reference[:, 0]
    # The mixture's variance is the mean of the two variances plus a quarter of the squared gap of the means.
    gap = _means(current, grid) - reference[:, 0]
    mixed = np.hypot(_deviations(current, grid) / math.sqrt(2), gap / 2)
    result: Vector = np.where(upper > lower, (upper - lower) * _SD_PER_IQR, np.where(constant, mixed, spread))
    return result


def _at(probability: float, quantiles: Vector, grid: Vector) -> Vector:
    right = int(np.clip(np.searchsorted(grid, probability), 1, len(grid) - 1))
    part = np.clip((probability - grid[right - 1]) / (grid[right] - grid[right - 1]), 0, 1)
    result: Vector = quantiles[:, right - 1] + part * (quantiles[:, right] - quantiles[:, right - 1])
    return result


def _deviations(quantiles: Vector, grid: Vector) -> Vector:
    centred = quantiles - _means(quantiles, grid)[:, None]
    largest = np.abs(centred).max(axis=1)
    # Scaled before it is squared, so that tiny values do not vanish.
    scaled = centred / np.where(largest > 0, largest, 1.0)[:, None]
    result: Vector = largest * np.sqrt(_means(scaled**2, grid))
    return result


def _shares(counts: Sequence[int], name: str) -> Vector:
    vector = np.asarray(counts, dtype=np.float64)
    if (vector < 0).any() or vector.sum() <= 0:
        raise ValueError(
            f"{name} sum to {vector.sum():g} rows; give counts of 0 or more, and at least one row"
        )
    shares: Vector = vector / vector.sum()
    return shares
