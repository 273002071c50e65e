"""Profiles: what is kept of a column so that later checks need not read its rows again."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

PROBABILITIES = np.linspace(0.0, 1.0, 41)
_TOP_CATEGORIES = 200
OTHER = "(other)"


def profile_frame(rows: pd.DataFrame, *, numbers: Sequence[str], categories: Sequence[str]) -> pd.DataFrame:
    """Summarise columns, one row each.

    Returns:
        Columns `column, kind, count, nulls, mean, std, quantiles, categories`. `quantiles` is a JSON list at
        `PROBABILITIES`, null when no finite value exists. `categories` is a JSON object of counts: the 200
        most frequent values, the rest together as `(other)`.
    """
    profiles = [_number(name, rows[name]) for name in numbers]
    profiles += [_category(name, rows[name]) for name in categories]
    columns = ["column", "kind", "count", "nulls", "mean", "std", "quantiles", "categories"]
    frame = pd.DataFrame(profiles, columns=columns)
    types = {"count": "int64", "nulls": "int64", "mean": "float64", "std": "float64"}
    return frame.astype({**types, "quantiles": "object", "categories": "object"})


def _number(name: str, values: pd.Series) -> dict[str, object]:
    finite = values.to_numpy(dtype="float64", na_value=np.nan)
    finite = finite[np.isfinite(finite)]
    some = len(finite) > 0
    return {
        "column": name,
        "kind": "number",
        "count": len(values),
        "nulls": len(values) - len(finite),
        "mean": float(finite.mean()) if some else np.nan,
        "std": float(finite.std()) if some else np.nan,
        "quantiles": json.dumps(np.quantile(finite, PROBABILITIES).tolist()) if some else None,
        "categories": None,
    }


def _category(name: str, values: pd.Series) -> dict[str, object]:
    counts = values.dropna().astype(str).value_counts()
    # Equal counts are put in order by name, so that the same rows give the same bytes.
    ordered = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    kept = {str(value): int(count) for value, count in ordered[:_TOP_CATEGORIES]}
    if rest := sum(int(count) for _, count in ordered[_TOP_CATEGORIES:]):
        kept[OTHER] = kept.get(OTHER, 0) + rest
    return {
        "column": name,
        "kind": "category",
        "count": len(values),
        "nulls": int(values.isna().sum()),
        "mean": np.nan,
        "std": np.nan,
        "quantiles": None,
        "categories": json.dumps(kept),
    }
