"""The text that names an entity: the values of the columns that identify it, as a JSON list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from include.hashing import canonical_json

if TYPE_CHECKING:
    from numpy.typing import NDArray


def grouping_of(by: Sequence[str]) -> str:
    """Return the text that names a grouping.

    >>> grouping_of(("origin", "hour"))
    '["origin","hour"]'
    """
    return canonical_json(list(by))


def entity_of(values: Sequence[Any]) -> str | None:
    """Return the text that names one entity, from values of canonical types; None where one is null.

    >>> entity_of(["EWR", 5])
    '["EWR",5]'
    """
    return None if any(pd.isna(value) for value in values) else canonical_json([_plain(v) for v in values])


def entities_of(rows: pd.DataFrame, by: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Name the entity of each row.

    Returns:
        For each row a number, -1 where a column of `by` is null, and the text of each number.
    """
    codes, null = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=bool)
    for name in by:
        found, different = pd.factorize(rows[name])
        null |= found < 0
        # Counted anew after each column, so that many columns cannot overflow the number.
        codes = pd.factorize(codes * (len(different) + 1) + found)[0].astype(np.int64)
    codes[null] = -1
    numbers, first = np.unique(codes, return_index=True)
    named = [place for number, place in zip(numbers, first, strict=True) if number >= 0]
    columns = [rows[name].take(named).tolist() for name in by]
    texts = [canonical_json([_plain(value) for value in values]) for values in zip(*columns, strict=True)]
    renumbered = np.searchsorted(numbers[numbers >= 0], codes)
    return np.where(codes < 0, -1, renumbered).astype(np.int64), texts


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return float(value) + 0.0  # minus nothing is the same entity as nothing
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, pd.Timestamp):
        return (value if value.tzinfo is None else value.tz_convert("UTC")).isoformat()
    return value.isoformat() if isinstance(value, date) else value
