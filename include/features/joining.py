"""The newest row of a side table that was known before an event, for the rows of one day or of many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from include import partitions
from include.features.inputs import canonical
from include.features.ordering import Ordered, moments

if TYPE_CHECKING:
    from include.feature_kinds import JoinedFeature
    from include.use_case import UseCase

_MINUTES_OF_A_DAY = 24 * 60


def reach_days(feature: JoinedFeature) -> int:
    """Return how many days before a batch's date its events may look into the side table."""
    return days_of_reach(feature.lead_minutes + feature.tolerance_minutes)


def days_of_reach(minutes: int) -> int:
    """Return how many days before its own date an event may see when it looks so many minutes back."""
    return math.ceil(minutes / _MINUTES_OF_A_DAY)


def joined_values(
    use_case: UseCase,
    features: Sequence[JoinedFeature],
    batch: Ordered,
    side_tables: Mapping[str, pd.DataFrame],
) -> tuple[dict[str, pd.Series], pd.Series]:
    """Look up what each row knows from side tables.

    A row sees the partitions of its own date and of the `reach_days` before, also where later ones are given.

    Args:
        use_case: whose batches they are.
        features: joined ones.
        batch: rows of one or more partitions.
        side_tables: rows of each side table, with `partition` and `known_at`.

    Returns:
        The values of each feature by name, and the day from which each row may be seen now.
    """
    found: dict[str, pd.Series] = {}
    known_at = batch.rows["known_at"]
    for group in _alike(features):
        first = group[0]
        contract = use_case.source.side_tables[first.table].contract.kept
        side = _prepared(group, canonical(contract, side_tables[first.table]))
        values = _join(first, batch, side)
        known_at = _latest(known_at, values["known_at"])
        found |= {feature.name: values[feature.column] for feature in group}
    return found, known_at


def _alike(features: Sequence[JoinedFeature]) -> list[list[JoinedFeature]]:
    """Put features together that look up the same rows."""
    groups: dict[tuple[object, ...], list[JoinedFeature]] = {}
    for feature in features:
        key = (feature.table, feature.by, feature.time, feature.lead_minutes, feature.tolerance_minutes)
        groups.setdefault(key, []).append(feature)
    return list(groups.values())


def _prepared(group: Sequence[JoinedFeature], side: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are needed, in the order of their times."""
    first = group[0]
    columns = [*first.by, *(feature.column for feature in group), first.time, "known_at", "partition"]
    rows = in_time(side[list(dict.fromkeys(columns))], first.by, first.time)
    for feature in group:
        if feature.kind == "category":  # a number beside which one is missing must not become another number
            rows[feature.column] = rows[feature.column].astype(object)
    return rows


def in_time(side: pd.DataFrame, by: Sequence[str], time: str) -> pd.DataFrame:
    """Return the rows of a side table that can be looked up, in the order of their times `_at`.

    A value without a readable time cannot be placed before the event, so it is not used. Of rows that say the
    same at the same time, the one that was known first is the last.
    """
    rows = side.assign(_at=moments(side[time], unreadable=True)).dropna(subset=["_at", *by])
    return rows.take(np.lexsort((-_days(rows["known_at"]), rows["_at"])))


def _days(dates: pd.Series) -> Any:
    return pd.to_datetime(dates).to_numpy("datetime64[D]").astype(np.int64)


def _join(feature: JoinedFeature, batch: Ordered, side: pd.DataFrame) -> pd.DataFrame:
    found = _nearest(feature, batch.rows, batch.times, side)
    days, of_side = batch.rows["partition"].astype(str), found["partition"]
    far = (of_side > days).to_numpy() & of_side.notna().to_numpy()
    oldest = days.map({day: partitions.shift(day, -reach_days(feature)) for day in days.unique()})
    far |= (of_side < oldest).to_numpy() & of_side.notna().to_numpy()
    # A row of the side table that stands under another date than its time: such days are looked up alone.
    for day in days[far].unique():
        own = (days == day).to_numpy()
        seen = side["partition"].between(partitions.shift(day, -reach_days(feature)), day)
        alone = _nearest(feature, batch.rows[own], batch.times[own], side[seen])
        found = pd.concat([found[~own], alone.set_axis(found.index[own])]).sort_index()
    return found


def _nearest(
    feature: JoinedFeature, rows: pd.DataFrame, times: pd.Series, side: pd.DataFrame
) -> pd.DataFrame:
    by = list(feature.by)
    left = rows[by].assign(_at=times - timedelta(minutes=feature.lead_minutes), _order=np.arange(len(rows)))
    for name in by:  # an integer that may be null on one side is a number there
        if left[name].dtype != side[name].dtype and {left[name].dtype.kind, side[name].dtype.kind} <= set(
            "if"
        ):
            left[name], side = (
                left[name].astype("float64"),
                side.assign(**{name: side[name].astype("float64")}),
            )
    found = pd.merge_asof(
        left.sort_values("_at", kind="stable"),
        side,
        on="_at",
        by=by,
        tolerance=timedelta(minutes=feature.tolerance_minutes),
    )
    return found.sort_values("_order", ignore_index=True)


def _latest(known_at: pd.Series, other: pd.Series) -> pd.Series:
    return known_at.where(other.isna() | (known_at >= other.fillna(known_at)), other)
