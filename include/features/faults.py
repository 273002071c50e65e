"""What is wrong with side tables where the events of a day look into them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from include import partitions
from include.features.joining import reach_days
from include.features.ordering import moments
from include.lake import PARTITION

if TYPE_CHECKING:
    from include.feature_kinds import JoinedFeature
    from include.use_case import UseCase

_WITH_ZONE = r"[T ].*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"
_WITH_TIME = r"\d[T ]\d"


def table_faults(
    use_case: UseCase,
    features: Sequence[JoinedFeature],
    side_tables: Mapping[str, pd.DataFrame],
    days: Sequence[str],
) -> dict[str, list[str]]:
    """Return the faults that shut the door for each day, in sentences; days without any are left out.

    A fault concerns the days whose events look into the partition where it stands.
    """
    found: dict[str, list[str]] = {}
    checked = {(one.table, one.by, one.time): one for one in features}
    for (table, by, time), _ in sorted(checked.items()):
        own = [one for one in features if (one.table, one.by, one.time) == (table, by, time)]
        reach = max(map(reach_days, own))
        columns = sorted({one.column for one in own})
        for place, fault in _faults(f"side table {table}", side_tables[table], by, time, columns):
            for day in partitions.span(place, partitions.shift(place, reach)):
                if day in days:
                    found.setdefault(day, []).append(fault)
    return found


def _faults(
    title: str, side: pd.DataFrame, by: Sequence[str], time: str, columns: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield the partition and the fault, at most one of a kind for each partition."""
    without = side[_without_zone(side[time])]
    for place, rows in without.groupby(PARTITION):
        yield (
            str(place),
            f"{title} has {len(rows)} times without a zone on {place}, such as {rows[time].iloc[0]}; write "
            f"{time} with its offset",
        )
    key = [*by, "_at"]
    rows = side.assign(_at=moments(side[time], unreadable=True)).dropna(subset=key)
    twice = rows[rows.duplicated(key, keep=False)]
    different = twice.drop_duplicates([*key, *columns])
    for place, rows in different[different.duplicated(key)].groupby(PARTITION):
        row = rows.iloc[0]
        named = ", ".join(f"{name}={row[name]}" for name in (*by, time))
        yield (
            str(place),
            f"{title} says different things at {len(rows)} times on {place}, such as {named}; nobody can "
            f"tell which is right, so keep one row for each of {[*by, time]}",
        )


def _without_zone(times: pd.Series) -> pd.Series:
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        return pd.Series(False, index=times.index)
    if times.dtype.kind == "M":
        return times.notna()
    texts = times.astype("string")
    # A text that is no time at all is left to the join, which does not use it.
    return (texts.str.contains(_WITH_TIME) & ~texts.str.contains(_WITH_ZONE)).fillna(False).astype(bool)
