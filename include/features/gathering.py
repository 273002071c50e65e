"""Reading what the features of some days are made from, and no more of it than they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from include import partitions
from include.feature_sources import FeatureSource, batch_hash, history_hash, past_of, side_hash
from include.features.joining import reach_days
from include.features.sums import current_aggregates
from include.lake import PARTITION, SIDE_TABLE_PREFIX
from include.lake_records import records

if TYPE_CHECKING:
    from include.feature_kinds import HistoryFeature, JoinedFeature
    from include.feature_sets import FeatureSet
    from include.features.history import Wanted
    from include.lake import Lake
    from include.use_case import UseCase


@dataclass(frozen=True)
class Material:
    """What the tables hold for the features of some days. Rows are read when they are first asked for.

    Attributes:
        wanted: what is summed up each day, also for feature sets that stand beside this one.
        days: in order, all with a batch.
        publish: whether daily sums that are out of date are written on the way.
    """

    use_case: UseCase
    features: FeatureSet
    wanted: Wanted
    days: Sequence[str]
    lake: Lake
    publish: bool = True

    @cached_property
    def contents(self) -> dict[str, str]:
        """Content hash of every published batch."""
        return contents_of(self.lake, self.use_case.name, "batches")

    @cached_property
    def side_contents(self) -> dict[str, dict[str, str]]:
        """Content hash of every partition of the side tables that the features look into."""
        name, tables = self.use_case.name, sorted(self.reach)
        return {table: contents_of(self.lake, name, f"{SIDE_TABLE_PREFIX}{table}") for table in tables}

    @cached_property
    def reach(self) -> dict[str, int]:
        """How many days before their own date events look into each side table."""
        return side_reach(self.features.joined_ones)

    @cached_property
    def window_days(self) -> int:
        return longest_window(self.features.of_history)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows of the batches, with the columns that anything is made from."""
        columns = needed_columns(self.use_case, self.features)
        return self.lake.read(self.use_case.name, "batches", partitions=list(self.days), columns=columns)

    @cached_property
    def side_tables(self) -> dict[str, pd.DataFrame]:
        """The rows of the side tables on the days and on those before, as far as the events look back."""
        return {table: self._side_rows(table, days) for table, days in self.reach.items()}

    def _side_rows(self, table: str, days: int) -> pd.DataFrame:
        columns = _side_columns(self.features.joined_ones, table)
        if not self.side_contents[table]:
            return pd.DataFrame(columns=columns)
        reached = days_before(self.days, days, own=True)
        name = f"{SIDE_TABLE_PREFIX}{table}"
        return self.lake.read(self.use_case.name, name, partitions=reached, columns=columns)

    @cached_property
    def aggregates(self) -> pd.DataFrame | None:
        """The daily sums of the days in the windows; None when no feature follows the past.

        Those of the days themselves are there as well: no row of theirs sees them, but requests of the next
        day do, and so will the next build.
        """
        if not self.window_days:
            return None
        return current_aggregates(
            self.use_case,
            self.wanted,
            days_before(self.days, self.window_days, own=True),
            self.lake,
            self.contents,
            publish=self.publish,
        )

    def missing_tables(self, day: str) -> list[str]:
        """Return the side tables of which nothing was published for a date."""
        return [table for table, contents in self.side_contents.items() if day not in contents]

    def sources(self) -> dict[str, FeatureSource]:
        """Return for each day what its features are made from."""
        past = {} if self.aggregates is None else past_of(self.aggregates)
        return {
            day: FeatureSource(
                batch=batch_hash(self.contents[day]),
                side_tables=side_hash(self._side_contents(day)),
                history=history_hash(past, day, self.window_days),
            )
            for day in self.days
        }

    def _side_contents(self, day: str) -> dict[str, list[str]]:
        return {
            table: [self.side_contents[table].get(other, "") for other in days_before([day], days, own=True)]
            for table, days in self.reach.items()
        }


def contents_of(lake: Lake, use_case: str, table: str) -> dict[str, str]:
    """Return the content hash of every partition of a table."""
    return {day: record.content_hash for day, record in records(lake, use_case, table).items()}


def side_reach(features: Sequence[JoinedFeature]) -> dict[str, int]:
    """Return how many days before its own date a batch looks into each side table."""
    reach: dict[str, int] = {}
    for feature in features:
        reach[feature.table] = max(reach_days(feature), reach.get(feature.table, 0))
    return dict(sorted(reach.items()))


def longest_window(features: Sequence[HistoryFeature]) -> int:
    """Return how many days before its own date a batch's features follow the past."""
    return max((feature.window_days for feature in features), default=0)


def needed_columns(use_case: UseCase, features: FeatureSet) -> list[str]:
    """Return the columns of the batch that keys, times, labels and features are made from."""
    fixed = [*use_case.problem.key, use_case.source.event_time, use_case.labels.column]
    read = [name for feature in features.features for name in feature.reads]
    return list(dict.fromkeys([PARTITION, "known_at", *fixed, *read]))


def _side_columns(features: Sequence[JoinedFeature], table: str) -> list[str]:
    own = [feature for feature in features if feature.table == table]
    named = [name for feature in own for name in (feature.time, *feature.by, feature.column)]
    return list(dict.fromkeys([PARTITION, "known_at", *named]))


def days_before(days: Sequence[str], count: int, *, own: bool) -> list[str]:
    """Return so many days before each day, in order, and with `own` the days themselves."""
    found = {
        other
        for day in days
        for other in partitions.span(partitions.shift(day, -count), partitions.shift(day, 0 if own else -1))
    }
    return sorted(found)
