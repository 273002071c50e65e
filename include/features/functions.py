"""Calling the functions that a use case declares, once over all rows, and naming what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.errors import UseCaseError
from include.feature_kinds import RowFeature
from include.features.ordering import Ordered
from include.lake import PARTITION

_PROBED = 200  # rows about which a definition is asked again


def function_values(features: Sequence[RowFeature], batch: Ordered) -> dict[str, pd.Series]:
    """Compute the features of the rows themselves, by name.

    A function of scope `row` is called once over all partitions, one of scope `batch` once for each.

    Raises:
        UseCaseError: a function fails, which names the first row on which it does; returns something else
            than one value per row; or gives other values when it is asked again about a few of the rows.
    """
    return {
        feature.name: _row_values(feature, batch) if feature.scope == "row" else _batch_values(feature, batch)
        for feature in features
    }


def _row_values(feature: RowFeature, batch: Ordered) -> pd.Series:
    inputs = batch.rows[list(feature.inputs)]
    try:
        values = _call(feature, inputs)
    except UseCaseError:
        raise
    except Exception as error:
        place = _first_failing(feature, inputs)
        where = "" if place is None else f" on row {batch.keys[place]!r} of {batch.rows[PARTITION][place]}"
        raise _failure(feature, where, error) from error
    if len(inputs):
        _probe_rows(feature, inputs, values)
    return values


def _batch_values(feature: RowFeature, batch: Ordered) -> pd.Series:
    parts: list[pd.Series] = []
    # Of one day at least, so that a batch without rows has its columns.
    days = batch.rows[PARTITION].unique().tolist() or [""]
    for day in days:
        own = (batch.rows[PARTITION] == day).to_numpy()
        inputs = batch.rows.loc[own, list(feature.inputs)].reset_index(drop=True)
        try:
            values = _call(feature, inputs)
            if not parts:
                _probe_again(feature, inputs, values)
        except UseCaseError:
            raise
        except Exception as error:
            raise _failure(feature, f" on the rows of {day}", error) from error
        parts.append(values)
    # The rows are in the order of their partitions.
    whole: pd.Series = pd.concat(parts, ignore_index=True)
    return whole


def _failure(feature: RowFeature, where: str, error: Exception) -> UseCaseError:
    return UseCaseError(f"Feature {feature.name!r} fails{where}: {type(error).__name__}: {error}")


def _call(feature: RowFeature, inputs: pd.DataFrame) -> pd.Series:
    # The function is given its declared inputs only, so it cannot read a column behind the checks' back.
    values = feature.build(inputs.copy())
    if not _fits(values, inputs):
        raise UseCaseError(
            f"Feature {feature.name!r} must return a Series with one value for each of the {len(inputs)} "
            "rows, under the rows' index"
        )
    return values.reindex(inputs.index)


def _fits(values: object, inputs: pd.DataFrame) -> bool:
    return isinstance(values, pd.Series) and values.index.sort_values().equals(inputs.index)


def _first_failing(feature: RowFeature, inputs: pd.DataFrame) -> int | None:
    """Return the place of the first row on which the function fails alone.

    None where it fails without any row as well, or only on rows together.
    """
    low, high = 0, len(inputs)
    if _fails(feature, inputs.iloc[:0]):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _fails(feature, inputs.iloc[low:middle]):
            high = middle
        elif _fails(feature, inputs.iloc[middle:high]):
            low = middle
        else:
            return None
    return low if high > low and _fails(feature, inputs.iloc[low:high]) else None


def _fails(feature: RowFeature, inputs: pd.DataFrame) -> bool:
    try:
        _call(feature, inputs.reset_index(drop=True))
    except UseCaseError:
        return False
    except Exception:  # noqa: BLE001 -- a definition may raise anything
        return True
    return False


def _probe_rows(feature: RowFeature, inputs: pd.DataFrame, values: pd.Series) -> None:
    """Ask about a few rows again, in another order and in two parts; every bit must be the same."""
    places = np.unique(np.linspace(0, len(inputs) - 1, min(_PROBED, len(inputs))).astype(np.int64))[::-1]
    for part in np.array_split(places, 2):
        if not _same(_asked(feature, inputs, part), values.take(part)):
            # Asked twice about the same rows, only the clock and chance can make a difference.
            _probe_again(feature, inputs, values)
            raise UseCaseError(
                f"Feature {feature.name!r} gives a row another value when other rows stand beside it, so it "
                "cannot serve a single request: declare scope='batch' and online='may_be_missing', or follow "
                "the past with features.history()"
            )


def _asked(feature: RowFeature, inputs: pd.DataFrame, part: NDArray[np.int64]) -> pd.Series:
    try:
        return _call(feature, inputs.take(part).reset_index(drop=True))
    except UseCaseError:
        raise
    except Exception as error:
        raise _failure(feature, f" when it is asked about {len(part)} of the rows", error) from error


def _probe_again(feature: RowFeature, inputs: pd.DataFrame, values: pd.Series) -> None:
    if not _same(_call(feature, inputs), values):
        raise UseCaseError(
            f"Feature {feature.name!r} gives other values when it is asked again about the same rows: it "
            "reads the clock or random numbers. Compute it from its inputs alone, such as the event's time"
        )


def _same(one: pd.Series, other: pd.Series) -> bool:
    """Tell whether values are equal to the bit; what is missing is equal."""
    mine, others = one.reset_index(drop=True), other.reset_index(drop=True)
    missing = mine.isna().to_numpy() & others.isna().to_numpy()
    if mine.dtype == others.dtype == np.dtype("float64"):
        equal = mine.to_numpy().view(np.int64) == others.to_numpy().view(np.int64)
    else:
        # A part of the rows may have another type, where a null elsewhere made numbers of integers.
        equal = (mine.astype(object) == others.astype(object)).to_numpy()
    return bool((equal | missing).all())
