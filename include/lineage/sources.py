"""What the features of a partition would be made from if they were built now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from include import partitions
from include.feature_sources import FeatureSource, batch_hash, history_hash, past_of, side_hash
from include.lake import SIDE_TABLE_PREFIX
from include.lake_records import records
from include.lineage.reach import look_back

if TYPE_CHECKING:
    from include.lake import Lake

_AGGREGATES = "feature_aggregates"
_OUTDATED = "outdated"


def source_now(
    lake: Lake, use_case: str, partition: str, *, side_reach: Mapping[str, int], window_days: int
) -> FeatureSource:
    """Return what stands in the tables now, part by part.

    Args:
        lake: where to look.
        use_case: whose partition it is.
        partition: its key; its batch is published.
        side_reach: how many days before its own date it looks into each side table.
        window_days: how many days before its own date it follows the past.
    """
    batches = {day: record.content_hash for day, record in records(lake, use_case, "batches").items()}
    sides: dict[str, list[str]] = {}
    for table, days in side_reach.items():
        stored = records(lake, use_case, f"{SIDE_TABLE_PREFIX}{table}")
        sides[table] = [
            stored[day].content_hash if day in stored else "" for day in look_back(partition, days)
        ]
    return FeatureSource(
        batch=batch_hash(batches.get(partition, "")),
        side_tables=side_hash(sides),
        history=_history(lake, use_case, partition, window_days, batches),
    )


def _history(lake: Lake, use_case: str, partition: str, window_days: int, batches: Mapping[str, str]) -> str:
    if not window_days:
        return history_hash({}, partition, 0)
    window = look_back(partitions.shift(partition, -1), window_days - 1)
    made = records(lake, use_case, _AGGREGATES)
    # Sums of another batch than the one that stands there say nothing of what a build would see.
    if any(day in batches and (day not in made or made[day].source_hash != batches[day]) for day in window):
        return _OUTDATED
    there = [day for day in window if day in batches]
    past = past_of(lake.read(use_case, _AGGREGATES, partitions=there)) if there else {}
    return history_hash(past, partition, window_days)
