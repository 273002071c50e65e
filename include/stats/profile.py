"""Profiles: what is kept of a column so that later checks need not read its rows again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.stats.arguments import Vector

PROBABILITIES = np.linspace(0.0, 1.0, 41)
TOP_CATEGORIES = 200
OTHER = "(other)"


COLUMNS = {
    "column": "object",
    "kind": "object",
    "count": "int64",
    "nulls": "int64",
    "distinct": "int64",
    "distinct_error": "float64",
    "min": "float64",
    "max": "float64",
    "mean": "float64",
    "std": "float64",
    "quantiles": "object",
    "categories": "object",
}


def profile_frame(rows: pd.DataFrame, *, numbers: Sequence[str], categories: Sequence[str]) -> pd.DataFrame:
    """Summarise columns, one row each.

    Returns:
        The columns of `COLUMNS`. `count` is of all rows, `nulls` of those without a finite value. `std` is
        the square root of the variance. `quantiles` is a JSON list at `PROBABILITIES`, exact order
        statistics, null when no finite value exists. `categories` is a JSON object of counts: the 200 most
        frequent values, the rest together as `(other)`. `distinct_error` is the relative standard error of
        `distinct`, 0 where it was counted.
    """
    return as_frame(column_profiles(rows, numbers=numbers, categories=categories))


def column_profiles(
    rows: pd.DataFrame, *, numbers: Sequence[str], categories: Sequence[str]
) -> list[dict[str, object]]:
    """Summarise columns; `as_frame` makes a frame of them, of those of several frames at once if need be."""
    profiles = [_number(name, rows[name]) for name in numbers]
    return profiles + [_category(name, rows[name]) for name in categories]


def as_frame(profiles: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Return the rows that the functions below make as a frame."""
    whole = [dict.fromkeys(COLUMNS) | profile for profile in profiles]
    return pd.DataFrame(whole, columns=list(COLUMNS)).astype(COLUMNS)


def number_profile(
    name: str, rows: int, values: Vector, counts: NDArray[np.int64] | None
) -> dict[str, object]:
    """Summarise a column of numbers.

    Args:
        name: of the column.
        rows: how many it has, with those without a value.
        values: finite, in ascending order.
        counts: of each value; None when `values` holds every one as often as it stands there.
    """
    found: dict[str, object] = {
        "column": name,
        "kind": "number",
        "count": rows,
        "nulls": rows,
        "distinct": 0,
        "distinct_error": 0.0,
    }
    if not len(values):
        return found
    weights = np.ones(1) if counts is None else counts.astype(np.float64)
    total = len(values) if counts is None else int(counts.sum())
    # Near the largest number there is, squares have no room: the spread is then infinite, and says so.
    with np.errstate(over="ignore"):
        mean = float((values * weights).sum() / total)
        spread = float(np.sqrt((np.square(values - mean) * weights).sum() / total))
    return found | {
        "nulls": rows - total,
        "distinct": len(values) if counts is not None else 1 + int((values[1:] != values[:-1]).sum()),
        "min": float(values[0]),
        "max": float(values[-1]),
        "mean": mean,
        "std": spread,
        "quantiles": json.dumps(_quantiles(values, counts, total).tolist()),
    }


def _quantiles(values: Vector, counts: NDArray[np.int64] | None, total: int) -> Vector:
    """Return the quantiles as `numpy.quantile` gives them, from values with their counts."""
    places = PROBABILITIES * (total - 1)
    lower, share = np.floor(places).astype(np.int64), places - np.floor(places)
    upper = np.minimum(lower + 1, total - 1)
    if counts is not None:
        ends = np.cumsum(counts)
        lower, upper = (np.searchsorted(ends, place, side="right") for place in (lower, upper))
    low, high = values[lower], values[upper]
    found: Vector = np.maximum.accumulate(low + (high - low) * share)
    return found


def category_profile(
    name: str,
    rows: int,
    counts: Mapping[str, int],
    *,
    values: int | None = None,
    distinct: tuple[int, float] | None = None,
) -> dict[str, object]:
    """Summarise a column of categories.

    Args:
        name: of the column.
        rows: how many it has, with those without a value.
        counts: of the values; not all need be named.
        values: how many rows have a value; those of `counts` when left out.
        distinct: how many different values there are, with its relative error; those of `counts` if left out.
    """
    # Equal counts are put in order by name, so that the same rows give the same bytes.
    ordered = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    kept = {str(value): int(count) for value, count in ordered[:TOP_CATEGORIES]}
    there = sum(counts.values()) if values is None else values
    if rest := there - sum(kept.values()):
        kept[OTHER] = kept.get(OTHER, 0) + rest
    number, error = (len(counts), 0.0) if distinct is None else distinct
    return {
        "column": name,
        "kind": "category",
        "count": rows,
        "nulls": rows - there,
        "distinct": number,
        "distinct_error": error,
        "categories": json.dumps(kept),
    }


def _number(name: str, values: pd.Series) -> dict[str, object]:
    finite = values.to_numpy(dtype="float64", na_value=np.nan)
    different, counts = np.unique(finite[np.isfinite(finite)], return_counts=True)
    return number_profile(name, len(values), different, counts)


def _category(name: str, values: pd.Series) -> dict[str, object]:
    counts = values.dropna().astype(str).value_counts()
    return category_profile(name, len(values), {str(value): int(count) for value, count in counts.items()})
