"""Computing the features of rows: one way for one day and for many, so both give the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from include.errors import UseCaseError
from include.feature_kinds import Feature
from include.feature_sets import FeatureSet
from include.features.functions import function_values
from include.features.history import history_values
from include.features.joining import joined_values
from include.features.ordering import Ordered, ordered
from include.lake import PARTITION, ROW_KEY
from include.use_case import UseCase

_NO_TEXT: Any = None


class Built(NamedTuple):
    """Features of one or more partitions.

    Attributes:
        rows: one per row of the batches, sorted by partition, event time and key: `partition`, `row_key`,
            `event_time` (UTC), the features in their order, `known_at`.
        out_of_range: for each partition and feature the number of values outside its range, which are made
            null: a sensor's fault is a missing value, not information.
    """

    rows: pd.DataFrame
    out_of_range: dict[str, dict[str, int]]


def build_features(
    use_case: UseCase,
    features: FeatureSet,
    rows: pd.DataFrame,
    side_tables: Mapping[str, pd.DataFrame],
    aggregates: pd.DataFrame | None = None,
) -> Built:
    """Compute all features of the rows of one or more partitions.

    Args:
        use_case: whose batches they are.
        features: what to compute.
        rows: of the batches, with `partition` and `known_at`.
        side_tables: rows of each side table, with `partition` and `known_at`.
        aggregates: sums of the days in the windows, as `daily_aggregates` makes them; not needed without
            features of history.

    Raises:
        UseCaseError: a definition fails, returns something else than one value per row, or gives another
            value when it is asked again.
    """
    return features_of(use_case, features, ordered(use_case, rows), side_tables, aggregates)


def features_of(
    use_case: UseCase,
    features: FeatureSet,
    batch: Ordered,
    side_tables: Mapping[str, pd.DataFrame],
    aggregates: pd.DataFrame | None,
) -> Built:
    """Compute as `build_features` does, from rows that are in order already."""
    if aggregates is None and features.of_history:
        raise UseCaseError(
            f"Features {[feature.name for feature in features.of_history]} follow the past; pass `aggregates`"
        )
    joined, known_at = joined_values(use_case, features.joined_ones, batch, side_tables)
    values: dict[str, pd.Series] = function_values(features.of_rows, batch) | joined
    if aggregates is not None and features.of_history:
        past = history_values(features.of_history, batch.rows, aggregates)
        values |= {str(name): past[name] for name in past}
    days = batch.rows[PARTITION].astype(str)
    columns: dict[str, pd.Series] = {PARTITION: days, ROW_KEY: batch.keys, "event_time": batch.times}
    out_of_range: dict[str, dict[str, int]] = {day: {} for day in days.unique()}
    for feature in features.features:
        columns[feature.name], outside = typed(feature, values[feature.name])
        for day, count in days[outside].value_counts(sort=False).items():
            out_of_range[str(day)][feature.name] = int(count)
    return Built(pd.DataFrame({**columns, "known_at": known_at}), out_of_range)


def typed(feature: Feature, values: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Give values the type of their feature and make those outside its range null.

    Returns:
        The values, float64 or objects with None; and which of them were outside.

    Raises:
        UseCaseError: the feature is declared a number, and a value is none.
    """
    if feature.kind == "category":
        return values.astype(object).where(values.notna(), _NO_TEXT), pd.Series(False, index=values.index)
    try:
        numbers = pd.to_numeric(values).astype("float64").replace([np.inf, -np.inf], np.nan)
    except (TypeError, ValueError) as error:
        raise UseCaseError(f"Feature {feature.name!r} is declared a number, but: {error}") from error
    low = -np.inf if feature.low is None else feature.low
    high = np.inf if feature.high is None else feature.high
    outside = (numbers < low) | (numbers > high)
    return numbers.mask(outside), outside
