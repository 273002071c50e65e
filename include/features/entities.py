"""The text that names an entity: the values of the columns that identify it, as a JSON list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray


def grouping_of(by: Sequence[str]) -> str:
    """Return the text that names a grouping.

    >>> grouping_of(("origin", "hour"))
    '["origin","hour"]'
    """
    return json.dumps(list(by), separators=(",", ":"))


def entity_of(values: Sequence[Any]) -> str | None:
    """Return the text that names one entity, from values of canonical types; None where one is null.

    >>> entity_of(["EWR", 5])
    '["EWR",5]'
    """
    return None if any(pd.isna(value) for value in values) else _text(values)


def entities_of(rows: pd.DataFrame, by: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Name the entity of each row.

    Returns:
        For each row a number, -1 where a column of `by` is null; and the texts that the numbers stand for,
        in order.
    """
    codes, null = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=bool)
    for name in by:
        found, different = pd.factorize(rows[name])
        null |= found < 0
        # Counted anew after each column, so that many columns cannot overflow the number.
        codes = pd.factorize(codes * (len(different) + 1) + found)[0].astype(np.int64)
    first = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    columns = [rows[name].take(first).tolist() for name in by]
    texts = [_text(values) for values in zip(*columns, strict=True)]
    whole = np.flatnonzero(~null[first])
    ordered = sorted(whole.tolist(), key=texts.__getitem__)
    numbers = np.full(len(first), -1, dtype=np.int64)
    numbers[ordered] = np.arange(len(ordered))
    return numbers[codes], [texts[place] for place in ordered]


def _text(values: Sequence[Any]) -> str:
    return json.dumps([_plain(value) for value in values], separators=(",", ":"))


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
