"""What the trailing days teach: null shares, ranges and categories, from their profiles alone."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from include import partitions
from include.stats.profile import OTHER
from include.use_case_sections import Trailing, TrailingRange

if TYPE_CHECKING:
    import pandas as pd

SAME_WEEKDAYS = 4


class Learned:
    """Baselines of one batch.

    Args:
        profiles: of the days before; None when there are none.
        partition: the day that is judged.
        policy: how far to look back.
    """

    def __init__(self, profiles: pd.DataFrame | None, partition: str, policy: Trailing) -> None:
        self._profiles, self._partition, self._policy = profiles, partition, policy

    @cached_property
    def _columns(self) -> dict[str, pd.DataFrame]:
        if self._profiles is None:
            return {}
        return {str(name): rows.sort_values("partition") for name, rows in self._profiles.groupby("column")}

    def _days(self, column: str) -> pd.DataFrame | None:
        """Return the profiles of a column in the trailing days; None when they are too few."""
        rows = self._columns.get(column)
        if rows is None:
            return None
        first = partitions.shift(self._partition, -self._policy.days)
        rows = rows[rows["partition"].astype(str) >= first]
        return rows if len(rows) >= self._policy.min_days else None

    def known_days(self, column: str) -> int:
        """Return how many earlier days are known of a column."""
        return len(self._columns.get(column, ()))

    def null_share(self, column: str) -> float | None:
        """Return the median null share of the last same weekdays; None when they are too few."""
        rows = self._columns.get(column)
        if rows is None:
            return None
        weekday = partitions.parse(self._partition).weekday()
        same = [partitions.parse(str(day)).weekday() == weekday for day in rows["partition"]]
        last = rows[same].tail(SAME_WEEKDAYS)
        if len(last) < SAME_WEEKDAYS:
            return None
        return float(np.median(last["nulls"] / last["count"].clip(lower=1)))

    def value_range(self, column: str, policy: TrailingRange) -> tuple[float, float] | None:
        """Return the range of the trailing days, widened; None when they are too few."""
        rows = self._days(column)
        quantiles = [] if rows is None else [json.loads(text) for text in rows["quantiles"].dropna()]
        if not quantiles:
            return None
        low, high = min(day[0] for day in quantiles), max(day[-1] for day in quantiles)
        slack = policy.widen * (high - low)
        return float(low - slack), float(high + slack)

    def categories(self, column: str) -> tuple[list[str], float] | None:
        """Return the categories of the trailing days, and the share of values whose category was not kept."""
        rows = self._days(column)
        days = [] if rows is None else [json.loads(text) for text in rows["categories"].dropna()]
        known = sorted({name for day in days for name in day} - {OTHER})
        values = sum(sum(day.values()) for day in days)
        if not known:
            return None
        return known, sum(day.get(OTHER, 0) for day in days) / values
