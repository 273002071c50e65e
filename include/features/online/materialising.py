"""Making the state for requests: what rows of one data date see, from the tables of the lake."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from include import partitions
from include.errors import NotFound, RequestRefused, UseCaseError
from include.feature_sets import FeatureSet
from include.features.gathering import contents_of, longest_window
from include.features.history import Wanted, entity_values, wanted_of
from include.features.inputs import canonical
from include.features.joining import days_of_reach, in_time
from include.features.online.reading import Inputs, microseconds
from include.features.online.state import (
    Head,
    Side,
    SideRow,
    State,
    entity_key,
    entry_key,
    sides_of,
    space_of,
    spelled,
)
from include.features.online.stores import OnlineStore
from include.features.sums import current_aggregates
from include.lake import SIDE_TABLE_PREFIX, Lake
from include.use_case import UseCase

_MINUTE = 60_000_000  # microseconds
_NO_VALUE: Any = None
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def materialise(
    use_case: UseCase,
    features: FeatureSet,
    as_of: str,
    *,
    lake: Lake,
    store: OnlineStore,
    wanted: Wanted | None = None,
) -> Head:
    """Keep what requests of one data date need, in the place of what was kept before.

    Args:
        use_case: whose requests they are.
        features: the version of the features that will be asked for.
        as_of: data date of the requests. The state holds what a batch of this date sees: partitions up to the
            day before, as far as they were known.
        lake: where batches, side tables and aggregates are.
        store: where the state is kept.
        wanted: what is summed up each day, also for feature sets that stand beside this one; None when it
            stands alone.

    Returns:
        The head of the state that holds now: the one made here, or a newer one.

    Raises:
        NotFound: no batch was ever published.
        Outage: the store does not answer.
    """
    wanted = wanted or wanted_of(features.of_history)
    entries = dict(_entries(use_case, features, as_of, lake, wanted))
    side_rows, settled = _side_rows(use_case, features, as_of, lake)
    start = _start_of(use_case, as_of)
    head = Head(
        use_case=use_case.name,
        feature_set_version=features.version,
        as_of=as_of,
        contract_hash=use_case.contract_hash,
        digest=_digest(entries, side_rows),
        text_times=_text_times(use_case, features, lake),
    )
    needed = {name: start - side.reach * _MINUTE for name, side in sides_of(features).items()}
    state = State(head, entries, side_rows, settled, needed)
    return store.switch(space_of(use_case.name, features.version), state)


def push_side_rows(
    use_case: UseCase,
    features: FeatureSet,
    table: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    store: OnlineStore,
) -> int:
    """Add rows of a side table to the state before their batch is published, such as the weather of the hour.

    Args:
        use_case: whose table it is.
        features: the version of the features that look the rows up.
        table: name of the side table.
        rows: as JSON gives them; columns that no feature reads may be left out.
        store: where the state is kept.

    Returns:
        The number of rows that features may see.

    Raises:
        UseCaseError: no feature reads such a table.
        RequestRefused: a row does not fit the table's contract, or has no time; no row was added.
        Outage: the store does not answer.
    """
    sides = [side for side in sides_of(features).values() if side.table == table]
    if not sides:
        raise UseCaseError(f"No feature of {use_case.name} reads a side table {table!r}; correct the name")
    contract = use_case.source.side_tables[table].contract.kept
    found: list[SideRow] = []
    for side in sides:
        inputs = Inputs(contract, {*side.by, side.time, *side.columns})
        for row in rows:
            given = inputs.read(row)
            at = None if given[side.time] is None else microseconds(given[side.time])
            if at is None:
                raise RequestRefused(f"A row of {table} has no {side.time}; without it nobody can place it")
            found.append(_side_row(side, given, at))
    store.put_side_rows(space_of(use_case.name, features.version), found)
    return len(found)


def _start_of(use_case: UseCase, day: str) -> int:
    """Return the first moment of a data date, in microseconds."""
    midnight = datetime.combine(partitions.parse(day), time(), ZoneInfo(use_case.source.timezone))
    return int((midnight - _EPOCH).total_seconds()) * 1_000_000


def _entries(
    use_case: UseCase, features: FeatureSet, as_of: str, lake: Lake, wanted: Wanted
) -> Iterator[tuple[str, str]]:
    if not features.of_history:
        return
    days = longest_window(features.of_history)
    window = partitions.span(partitions.shift(as_of, -days), partitions.shift(as_of, -1))
    contents = contents_of(lake, use_case.name, "batches")
    aggregates = current_aggregates(use_case, wanted, window, lake, contents)
    for by, values in entity_values(features.of_history, aggregates, as_of).items():
        objects = values.astype(object).where(values.notna(), _NO_VALUE)
        for entity, row in zip(values.index, objects.to_numpy().tolist(), strict=True):
            yield entry_key(by, entity), spelled(row)


def _side_rows(
    use_case: UseCase, features: FeatureSet, as_of: str, lake: Lake
) -> tuple[list[SideRow], dict[str, int]]:
    """Return the rows that requests from this date on may look up, and until when they are complete."""
    found: list[SideRow] = []
    settled: dict[str, int] = {}
    for name, side in sides_of(features).items():
        days = partitions.span(partitions.shift(as_of, -days_of_reach(side.reach)), as_of)
        rows = lake.read(use_case.name, f"{SIDE_TABLE_PREFIX}{side.table}", partitions=days)
        contract = use_case.source.side_tables[side.table].contract.kept
        placed = in_time(canonical(contract, rows), side.by, side.time)
        times = placed["_at"].astype("int64").to_numpy()
        if len(times):
            settled[name] = int(times[-1])
        recent = times >= _start_of(use_case, as_of) - side.reach * _MINUTE
        columns = list(dict.fromkeys([*side.by, *side.columns]))
        objects = placed.loc[recent, columns].astype(object)
        plain: list[Any] = objects.where(objects.notna(), _NO_VALUE).to_dict("records")
        found += [_side_row(side, row, int(at)) for row, at in zip(plain, times[recent], strict=True)]
    return found, settled


def _side_row(side: Side, row: Mapping[str, Any], at: int) -> SideRow:
    values = spelled([row[name] for name in side.columns])
    return SideRow(side.name, entity_key(row[name] for name in side.by), at, values)


def _text_times(use_case: UseCase, features: FeatureSet, lake: Lake) -> tuple[str, ...]:
    """Return the columns of times that definitions read and batches hold as text."""
    columns = use_case.contract.kept.columns
    read = {name for feature in features.of_rows for name in feature.inputs}
    times = [name for name in columns if name in read and columns[name].type == "timestamp"]
    if not times:
        return ()
    newest = lake.partitions(use_case.name, "batches")[-1:]
    if not newest:
        raise NotFound(
            f"No batch of {use_case.name} is published yet; run {use_case.name}.ingest for one first"
        )
    rows = lake.read(use_case.name, "batches", partitions=newest, columns=times)
    return tuple(name for name in times if rows[name].dtype == object)


def _digest(entries: Mapping[str, str], side_rows: Sequence[SideRow]) -> str:
    found = hashlib.sha256()
    for item in sorted(entries.items()):
        found.update(spelled(item).encode())
    for row in side_rows:
        found.update(spelled(row).encode())
    return found.hexdigest()
