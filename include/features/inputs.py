"""The types under which definitions see the rows, whatever one batch happens to hold.

A column of integers with one null comes out of a table as floats, a column without any value as objects. Were
that left to the batch, a definition would see other types on another day, and a single request yet others.
So the contract decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from include.errors import UseCaseError

if TYPE_CHECKING:
    from include.use_case_sections import Column, Contract

_NO_VALUE: Any = None


def canonical(contract: Contract, rows: pd.DataFrame) -> pd.DataFrame:
    """Give the columns that the contract declares their types; others, and the order, stay as they are.

    An integer that is never null becomes int64, a boolean that is never null bool. Other integers and all
    numbers become float64, other booleans and all texts objects with None. Timestamps stay as they are.

    Args:
        contract: of what is written, such as `use_case.contract.kept`.
        rows: with any of its columns.

    Raises:
        UseCaseError: a value does not fit, or is null where the contract allows none.
    """
    typed = {
        name: _typed(name, rows[name], column, never_null=never_null(contract, name))
        for name, column in contract.columns.items()
        if name in rows.columns
    }
    return rows.assign(**typed)


def never_null(contract: Contract, name: str) -> bool:
    """Tell whether the contract lets no batch through in which this column has a null."""
    column, rule = contract.columns[name], f"{name}.null_share"
    closed = contract.mode == contract.mode_of(rule) == "fail_closed"
    return closed and column.max_null_share == 0 and contract.severity_of(rule, column.severity) != "warn"


def _typed(name: str, values: pd.Series, column: Column, *, never_null: bool) -> pd.Series:
    if column.type == "timestamp":
        return values
    if column.type == "string" or (column.type == "boolean" and not never_null):
        return values.astype(object).where(values.notna(), _NO_VALUE)
    if column.type != "number" and never_null:
        if values.isna().any():
            raise UseCaseError(
                f"Column {name!r} is null in {int(values.isna().sum())} rows, though the contract lets none "
                f"through; declare contract.columns.{name}.max_null_share above 0, and features see it as "
                "a number with nulls on every day"
            )
        return _converted(name, values, np.dtype("int64" if column.type == "integer" else "bool"))
    return _converted(name, values, np.dtype("float64"))


def _converted(name: str, values: pd.Series, wanted: np.dtype[Any]) -> pd.Series:
    if values.dtype == wanted:
        return values
    try:
        return pd.Series(values.to_numpy(dtype=wanted, na_value=np.nan), index=values.index, name=values.name)
    except (TypeError, ValueError) as error:
        raise UseCaseError(
            f"Column {name!r} holds what is no {wanted}: {error}; correct its type in the contract"
        ) from error
