"""The table of daily sums, kept in step with the batches that they are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from include.features.history import AGGREGATES, COLUMNS, Wanted, columns_of, daily_aggregates, wanted_hash
from include.lake import PARTITION
from include.lake_records import records

if TYPE_CHECKING:
    from include.lake import Lake
    from include.use_case import UseCase

_DAYS_AT_ONCE = 400  # batches of which a few columns are in memory together


def current_aggregates(
    use_case: UseCase,
    wanted: Wanted,
    days: Sequence[str],
    lake: Lake,
    contents: Mapping[str, str],
    *,
    publish: bool = True,
    summed: Callable[[list[str]], pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Return the daily sums of these days, and bring the table up to date where a batch has changed.

    Only days whose batch or whose wanted sums are others than at the time of their sums are computed.

    Args:
        use_case: whose days.
        wanted: what is summed up.
        days: data dates; those without a batch have no sums.
        lake: where the tables are.
        contents: content hash of every published batch, by partition.
        publish: whether to write what was computed.
        summed: computes the sums of some days elsewhere; None computes them here.

    Returns:
        The columns of `COLUMNS`, in the order of the days.
    """
    name, rules = use_case.name, wanted_hash(use_case, wanted)
    stored = records(lake, name, AGGREGATES)
    made = {day: (record.source_hash, record.contract_hash) for day, record in stored.items()}
    current = [day for day in days if day in contents and made.get(day) == (contents[day], rules)]
    outdated = [day for day in days if day in contents and made.get(day) != (contents[day], rules)]
    parts = []
    if current:
        parts.append(lake.read(name, AGGREGATES, partitions=current, columns=COLUMNS))
    for start in range(0, len(outdated), _DAYS_AT_ONCE):
        some = outdated[start : start + _DAYS_AT_ONCE]
        sums = sums_of(use_case, wanted, some, lake) if summed is None else summed(some)
        parts.append(sums)
        if publish:
            hashes = {day: contents[day] for day in some}
            lake.write_partitions(name, AGGREGATES, sums, source_hashes=hashes, contract_hash=rules)
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True).sort_values(PARTITION, kind="stable", ignore_index=True)


def sums_of(use_case: UseCase, wanted: Wanted, days: Sequence[str], lake: Lake) -> pd.DataFrame:
    """Read the batches of some days and sum them up."""
    columns = [PARTITION, "known_at", *columns_of(use_case, wanted)]
    return daily_aggregates(
        use_case, wanted, lake.read(use_case.name, "batches", partitions=list(days), columns=columns)
    )
