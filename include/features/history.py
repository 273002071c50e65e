"""What entities did on the days before: sums of each day, and windows of days over them.

A day's build reads the sums of the days in its window, never their rows. The sums of a day are made from its
batch alone. A window adds whole days in the order of their date, and within one date in the order of the day
on which its rows became known, one after the other; so a day that is built alone and a range of days that
are built together get the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from include.feature_kinds import OUTCOME, HistoryFeature
from include.features.dates import Days, dates_of, days_of, of_partitions
from include.features.entities import entities_of, grouping_of
from include.features.inputs import canonical
from include.features.labels import known_outcomes, outcomes
from include.hashing import digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from include.use_case import UseCase

    Numbers = NDArray[np.float64]

AGGREGATES = "feature_aggregates"
ROWS = ""  # the value of an aggregate that counts rows
COLUMNS = ("partition", "grouping", "entity", "value", "known_at", "count", "total")
Grouping = tuple[str, ...]
# What is summed up each day: columns that name an entity, with a column of the batch, `label` or ROWS.
Wanted = tuple[tuple[Grouping, str], ...]


def wanted_of(features: Iterable[HistoryFeature]) -> Wanted:
    """Return the sums that these features need, in order and each once."""
    return tuple(sorted({(feature.by, feature.value or ROWS) for feature in features}))


def wanted_hash(use_case: UseCase, wanted: Wanted) -> str:
    """Return the hash of what the sums of a batch depend on beside its rows: their `contract_hash`."""
    rules = [use_case.labels, sorted(use_case.forbidden_features)]
    types = {name: column.type for name, column in use_case.contract.kept.columns.items()}
    return digest([[list(by), value] for by, value in wanted] + [rules, types])


def columns_of(use_case: UseCase, wanted: Wanted) -> list[str]:
    """Return the columns of the batch that its sums are made from, beside `partition` and `known_at`."""
    read = {name for by, _ in wanted for name in by}
    values = {value for _, value in wanted if value != ROWS}
    if OUTCOME in values:
        values = values - {OUTCOME} | {use_case.labels.column}
    return sorted(read | values)


def daily_aggregates(use_case: UseCase, wanted: Wanted, rows: pd.DataFrame) -> pd.DataFrame:
    """Sum up each entity's day.

    The order of the rows does not matter, and neither do the partitions that stand beside one another.

    Args:
        use_case: whose batches they are.
        wanted: what to sum up.
        rows: of one or more partitions, with `partition` and `known_at`.

    Returns:
        The columns of `COLUMNS`, sorted by partition, in it as wanted, and then by entity: `grouping` and
        `entity` as JSON lists, `value` what was
        summed up, `known_at` (dates) the day from which these rows may be seen, `count` of its known values,
        of all rows where `value` is empty, and `total` of them. An entity with a null has no row.
    """
    rows = canonical(use_case.contract.kept, rows.reset_index(drop=True))
    day, days = pd.factorize(rows["partition"], sort=True)
    known, later = days_of(rows["known_at"]), known_outcomes(use_case, rows)
    parts = []
    for by, pairs in groupby(wanted, key=lambda pair: pair[0]):
        codes, entities = entities_of(rows, by)
        for _, value in pairs:
            follows_outcome = value == OUTCOME or value in use_case.forbidden_features
            seen = later if follows_outcome else known
            sums = _sums(day, codes, seen, _numbers(use_case, rows, value))
            sums["partition"] = days.to_numpy(dtype=object)[sums["partition"].to_numpy()]
            sums["entity"] = np.array(entities, dtype=object)[sums["entity"].to_numpy()]
            parts.append(sums.assign(grouping=grouping_of(by), value=value))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    # Each part is in order, so that only the parts of a day have to be put together.
    return pd.concat(parts)[list(COLUMNS)].sort_values("partition", kind="stable", ignore_index=True)


def _numbers(use_case: UseCase, rows: pd.DataFrame, value: str) -> Numbers:
    if value == ROWS:
        return np.zeros(len(rows))
    values = outcomes(use_case, rows) if value == OUTCOME else rows[value]
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _sums(day: NDArray[np.int64], codes: NDArray[np.int64], known: Days, numbers: Numbers) -> pd.DataFrame:
    """Sum up by partition, entity and day of knowledge, leaving out rows without an entity or a value."""
    there = (codes >= 0) & np.isfinite(numbers)
    since, kinds = pd.factorize(known[there], sort=True)
    shape = (int(day.max(initial=0)) + 1, int(codes.max(initial=0)) + 1, max(len(kinds), 1))
    keys = np.ravel_multi_index((day[there], codes[there], since), shape)
    different, places = np.unique(keys, return_inverse=True)
    # Added one after the other from the smallest: neither the order of the rows nor the processor matters.
    ascending = np.argsort(numbers[there], kind="stable")
    total = np.bincount(places[ascending], weights=numbers[there][ascending], minlength=len(different))
    of_day, entity, since = np.unravel_index(different, shape)
    return pd.DataFrame(
        {
            "partition": of_day,
            "entity": entity,
            "known_at": dates_of(kinds[since]),
            "count": np.bincount(places, minlength=len(different)).astype(np.int64),
            "total": total,
        }
    )


def unseen(feature: HistoryFeature) -> float:
    """Return what a feature says of an entity that has no row in its window."""
    return 0.0 if feature.measure == "count" else np.nan


def entity_values(
    features: Sequence[HistoryFeature], aggregates: pd.DataFrame, day: str
) -> dict[Grouping, pd.DataFrame]:
    """Return what rows of one data date see of the past: batch builds and requests look up these values.

    Args:
        features: of history; other kinds have no past.
        aggregates: of the partitions in the windows at least; others are left alone.
        day: the data date of the rows, whose partition itself is never seen.

    Returns:
        For each grouping a frame of float64: the features by name, under the text of each entity. Ranges are
        not applied yet. An entity that is not there is `unseen`.
    """
    found = {}
    for by, group in _by_grouping(features):
        past = _Past.of(aggregates, by)
        values = {feature.name: past.values(feature, np.datetime64(day, "D")) for feature in group}
        found[by] = pd.DataFrame(values, index=pd.Index(past.entities, dtype=object, name="entity"))
    return found


def history_values(
    features: Sequence[HistoryFeature], rows: pd.DataFrame, aggregates: pd.DataFrame
) -> pd.DataFrame:
    """Look up what each row sees of the past.

    Args:
        features: of history.
        rows: of one or more partitions in canonical types, with `partition`.
        aggregates: as for `entity_values`, of the windows of all these partitions.

    Returns:
        float64 columns by the features' names, under the rows' index. Null where a column of `by` is null.
    """
    days = of_partitions(rows["partition"])
    found: dict[str, Numbers] = {feature.name: np.full(len(rows), np.nan) for feature in features}
    for by, group in _by_grouping(features):
        past = _Past.of(aggregates, by)
        codes, entities = entities_of(rows, by)
        # One place more, for entities that were never seen.
        places = np.append(past.places(entities), -1)[codes]
        for day in np.unique(days):
            today = np.flatnonzero((days == day) & (codes >= 0))
            for feature in group:
                values = np.append(past.values(feature, day), unseen(feature))
                found[feature.name][today] = values[places[today]]
    return pd.DataFrame(found, index=rows.index)


def _by_grouping(features: Sequence[HistoryFeature]) -> list[tuple[Grouping, list[HistoryFeature]]]:
    groups: dict[Grouping, list[HistoryFeature]] = {}
    for feature in features:
        groups.setdefault(feature.by, []).append(feature)
    return list(groups.items())


@dataclass(frozen=True)
class _Sums:
    """The sums of one value, in the order in which windows add them."""

    days: Days
    known: Days
    codes: NDArray[np.int64]
    counts: Numbers
    totals: Numbers


@dataclass(frozen=True)
class _Past:
    """The sums of one grouping.

    Attributes:
        entities: their texts, in order; `codes` of the sums count them.
    """

    entities: list[str]
    sums: dict[str, _Sums]

    @classmethod
    def of(cls, aggregates: pd.DataFrame, by: Grouping) -> _Past:
        rows = aggregates[aggregates["grouping"] == grouping_of(by)]
        codes, entities = pd.factorize(rows["entity"], sort=True)
        days, known = of_partitions(rows["partition"]), days_of(rows["known_at"])
        sums = {}
        for value, places in rows.groupby("value").indices.items():
            ordered = places[np.lexsort((known[places], days[places]))]
            sums[str(value)] = _Sums(
                days=days[ordered],
                known=known[ordered],
                codes=codes[ordered],
                counts=rows["count"].to_numpy(np.float64)[ordered],
                totals=rows["total"].to_numpy(np.float64)[ordered],
            )
        return cls(list(map(str, entities)), sums)

    def places(self, entities: Sequence[str]) -> NDArray[np.int64]:
        """Return the place of each entity among those of the past, or -1."""
        return (
            pd.Index(self.entities, dtype=object)
            .get_indexer(pd.Index(entities, dtype=object))
            .astype(np.int64)
        )

    def values(self, feature: HistoryFeature, day: np.datetime64) -> Numbers:
        """Return the feature's value for each entity, as rows of this data date see it."""
        size = len(self.entities)
        sums = self.sums.get(feature.value or ROWS)
        if sums is None:
            return np.full(size, unseen(feature))
        first, last = np.searchsorted(sums.days, [day - feature.window_days, day])
        window = slice(int(first), int(last))
        seen = sums.known[window] <= day - feature.lead_days
        codes = sums.codes[window][seen]
        # Adds in the order of the array, which is what makes one day and a range agree.
        counts: Numbers = np.bincount(codes, sums.counts[window][seen], minlength=size).astype(np.float64)
        if feature.measure == "count":
            return counts
        totals = np.bincount(codes, sums.totals[window][seen], minlength=size)
        enough = counts >= feature.min_values
        if feature.measure == "mean":
            totals = np.divide(totals, counts, out=np.zeros(size), where=enough)
        return np.where(enough, totals, np.nan)
