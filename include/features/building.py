"""Computing features and labels from the rows of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from include import partitions
from include.errors import UseCaseError
from include.feature_kinds import JoinedFeature, RowFeature
from include.feature_sets import FeatureSet
from include.lake import LABEL, ROW_KEY
from include.problems import kind_of
from include.row_keys import row_keys
from include.use_case import UseCase
from include.use_case_sections import ThresholdLabel

_NO_TEXT: Any = None
# One resolution for all times, so that text and timestamps of any origin can be compared.
_MOMENT: Final = "datetime64[us, UTC]"


def build_features(
    use_case: UseCase, features: FeatureSet, rows: pd.DataFrame, side_tables: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Compute all features of a batch.

    Args:
        use_case: whose batch it is.
        features: what to compute.
        rows: the batch, with `known_at`.
        side_tables: rows of each side table, with `known_at`.

    Returns:
        One row per row of the batch: `row_key`, `event_time` (UTC), the features in their order, `known_at`.
        And for each feature the number of values outside its range, which are made null: a sensor's fault is
        a missing value, not information.

    Raises:
        UseCaseError: a definition fails or returns something else than one value per row.
    """
    rows = rows.reset_index(drop=True)
    times = pd.to_datetime(rows[use_case.source.event_time], utc=True, format="ISO8601").astype(_MOMENT)
    built = pd.DataFrame({ROW_KEY: row_keys(use_case, rows), "event_time": times})
    known_at = rows["known_at"]
    out_of_range: dict[str, int] = {}
    joined: dict[tuple[object, ...], pd.DataFrame] = {}
    for feature in features.features:
        if isinstance(feature, RowFeature):
            values = _row_values(feature, rows)
        else:
            key = (feature.table, feature.by, feature.time, feature.lead_minutes, feature.tolerance_minutes)
            if key not in joined:
                joined[key] = _join(feature, rows, times, side_tables[feature.table])
                known_at = _latest(known_at, joined[key]["known_at"])
            values = joined[key][feature.column]
        values, outside = _typed(feature, values)
        built[feature.name] = values
        if outside:
            out_of_range[feature.name] = outside
    built["known_at"] = known_at
    return built, out_of_range


def _row_values(feature: RowFeature, rows: pd.DataFrame) -> pd.Series:
    # The function is given its declared inputs only, so it cannot read a column behind the checks' back.
    try:
        values = feature.build(rows[list(feature.inputs)].copy())
    except Exception as error:
        raise UseCaseError(f"Feature {feature.name!r} fails: {type(error).__name__}: {error}") from error
    if not isinstance(values, pd.Series) or not values.index.sort_values().equals(rows.index):
        raise UseCaseError(
            f"Feature {feature.name!r} must return a Series with one value for each of the {len(rows)} rows, "
            "under the rows' index"
        )
    return values.reindex(rows.index)


def _join(feature: JoinedFeature, rows: pd.DataFrame, times: pd.Series, side: pd.DataFrame) -> pd.DataFrame:
    """Return for each row the newest row of the side table that was known `lead_minutes` before the event."""
    by = list(feature.by)
    left = rows[by].assign(_at=times - timedelta(minutes=feature.lead_minutes), _order=np.arange(len(rows)))
    # A value without a readable time cannot be placed before the event, so it is not used.
    at = pd.to_datetime(side[feature.time], utc=True, format="ISO8601", errors="coerce")
    right = side.assign(_at=at.astype(_MOMENT)).dropna(subset="_at")
    found = pd.merge_asof(
        left.sort_values("_at", kind="stable"),
        right.sort_values("_at", kind="stable"),
        on="_at",
        by=by,
        tolerance=timedelta(minutes=feature.tolerance_minutes),
    )
    return found.sort_values("_order", ignore_index=True)


def _latest(known_at: pd.Series, other: pd.Series) -> pd.Series:
    return known_at.where(other.isna() | (known_at >= other.fillna(known_at)), other)


def _typed(feature: RowFeature | JoinedFeature, values: pd.Series) -> tuple[pd.Series, int]:
    if feature.kind == "category":
        return values.astype(object).where(values.notna(), _NO_TEXT), 0
    try:
        numbers = pd.to_numeric(values).astype("float64").replace([np.inf, -np.inf], np.nan)
    except (TypeError, ValueError) as error:
        raise UseCaseError(f"Feature {feature.name!r} is declared a number, but: {error}") from error
    low = -np.inf if feature.low is None else feature.low
    high = np.inf if feature.high is None else feature.high
    outside = (numbers < low) | (numbers > high)
    return numbers.mask(outside), int(outside.sum())


def build_labels(use_case: UseCase, rows: pd.DataFrame, partition: str) -> pd.DataFrame:
    """Return `row_key`, `label` (typed by the problem's kind, or null) and when each label is known.

    A row whose outcome never came, such as a cancelled flight, has no label; it is not a zero.
    """
    rows = rows.reset_index(drop=True)
    rule = use_case.labels
    outcome = rows[rule.column]
    if isinstance(rule, ThresholdLabel):
        outcome = (outcome > rule.above).astype("boolean").where(outcome.notna())
    arrival = partitions.parse(partition) + timedelta(days=rule.delay_days)
    return pd.DataFrame(
        {
            ROW_KEY: row_keys(use_case, rows),
            LABEL: kind_of(use_case.problem).typed(outcome),
            "known_at": [max(known, arrival) for known in rows["known_at"]],
        }
    )
