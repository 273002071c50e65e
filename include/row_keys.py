"""The text that names a row of a partition in every table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.lake import ROW_KEY

if TYPE_CHECKING:
    import pandas as pd

    from include.use_case import UseCase


def row_keys(use_case: UseCase, rows: pd.DataFrame) -> pd.Series:
    """Return one text per row, from the columns of `problem.key`."""
    first, *others = [rows[name].astype("string").fillna("") for name in use_case.problem.key]
    for other in others:
        first = first + "|" + other
    return first.astype(object).rename(ROW_KEY)
