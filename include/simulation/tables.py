"""A lake for a simulation: what does not depend on the policy is shared, what does is kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, NoReturn

from include.errors import ConfigurationError, NotFound
from include.lake import FEATURE_SET_VERSION, PARTITION, Lake, TableRef
from include.lake_reading import one_hash
from include.lake_writing import Replacement

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable


@dataclass
class _Table:
    """Partitions in memory. `version` counts the commits as Delta does, from 0; -1 before the first."""

    parts: dict[str, pa.Table] = field(default_factory=dict)
    version: int = -1


class SharedTables:
    """The tables that the data stages wrote once, each read from disk when first asked for.

    Args:
        lake: where they lie.
        use_case: whose they are.
        versions: for each day, the version of each table when that day's data stages had ended.
    """

    def __init__(self, lake: Lake, use_case: str, versions: dict[str, dict[str, int]]) -> None:
        self._lake = lake
        self._use_case = use_case
        self.versions = versions
        self._read: dict[str, _Table] = {}

    def of(self, table: str) -> _Table:
        """Return a table, whole."""
        if table not in self._read:
            self._read[table] = _Table(dict(self._parts(table)), self._lake.version(self._use_case, table))
        return self._read[table]

    def _parts(self, table: str) -> Iterator[tuple[str, pa.Table]]:
        delta = self._lake.find(self._use_case, table)
        if delta is None:
            return
        rows = self._lake.dataset(delta).to_table()
        keys = rows["partition"].to_pandas().astype(str)
        for key, places in keys.groupby(keys).indices.items():
            yield str(key), rows.take(places)


class SimulatedLake(Lake):
    """The lake that one simulated policy sees: the shared tables up to today, and its own in memory.

    Nothing of a later day than `today` is visible, under the version that the table had by then.
    """

    def __init__(self, shared: SharedTables) -> None:
        super().__init__("simulation:/")
        self._shared = shared
        self._own: dict[str, _Table] = {}
        self.today = min(shared.versions, default="")

    def _table(self, table: str) -> tuple[_Table, int]:
        """Return a table and the version of it that today sees."""
        if table in self._own:
            return self._own[table], self._own[table].version
        return self._shared.of(table), self._shared.versions.get(self.today, {}).get(table, -1)

    def _visible(self, table: str) -> dict[str, pa.Table]:
        found, version = self._table(table)
        return {key: part for key, part in found.parts.items() if key <= self.today} if version >= 0 else {}

    def version(self, use_case: str, table: str) -> int:
        return self._table(table)[1]

    def partitions(
        self,
        use_case: str,
        table: str,
        *,
        version: int | None = None,
        feature_set_version: str | None = None,
    ) -> list[str]:
        parts = self._visible(table).items()
        return sorted(key for key, part in parts if _of(part, feature_set_version).num_rows)

    def feature_set_versions(
        self, use_case: str, table: str = "features", *, version: int | None = None
    ) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for key, part in sorted(self._visible(table).items()):
            if FEATURE_SET_VERSION in part.column_names:
                for row in part[FEATURE_SET_VERSION].value_counts().to_pylist():
                    found.setdefault(row["values"], {})[key] = row["counts"]
        return {version: found[version] for version in sorted(set(found) - {None})}

    def read(
        self,
        use_case: str,
        table: str,
        *,
        partitions: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        known_by: date | None = None,
        feature_set_version: str | None = None,
    ) -> pd.DataFrame:
        import pyarrow as pa
        import pyarrow.compute as pc

        current = self.version(use_case, table)
        if current < 0:
            raise NotFound(f"Table {use_case}/{table} does not exist yet on {self.today} of the simulation")
        if version not in {None, current}:
            raise NotFound(f"A simulation keeps the newest version of {table} only: {current}, not {version}")
        parts = self._visible(table)
        keys = sorted(parts) if partitions is None else sorted(set(partitions) & set(parts))
        schema = next(iter(self._table(table)[0].parts.values())).schema
        chosen = [parts[key] for key in keys] or [schema.empty_table()]
        rows = _of(pa.concat_tables(chosen, promote_options="default"), feature_set_version)
        if known_by is not None:
            rows = rows.filter(pc.less_equal(rows["known_at"], pa.scalar(known_by)))
        if columns is not None:
            rows = rows.select(list(columns))
        found: pd.DataFrame = rows.to_pandas()
        return found

    def scan(self, use_case: str, table: str, first: str, last: str) -> ds.Dataset | None:
        import pyarrow as pa
        import pyarrow.dataset as ds

        parts = [part for key, part in sorted(self._visible(table).items()) if first <= key <= last]
        return ds.dataset(pa.concat_tables(parts, promote_options="default")) if parts else None

    def value_counts(self, use_case: str, table: str, column: str = "") -> dict[str, int]:
        return {
            key: part.num_rows - (part[column].null_count if column else 0)
            for key, part in sorted(self._visible(table).items())
            if not column or column in part.column_names
        }

    def known_between(
        self, use_case: str, table: str, column: str, *, partitions: Sequence[str], after: date, by: date
    ) -> int:
        columns = [column, "known_at"]
        rows = self.read(use_case, table, partitions=partitions, columns=columns, known_by=by)
        return int((rows[column].notna() & (rows["known_at"] > after)).sum())

    def content_hash(
        self, use_case: str, table: str, partition: str, *, feature_set_version: str | None = None
    ) -> str | None:
        part = self._visible(table).get(partition)
        return None if part is None else one_hash(_hashes(part, feature_set_version))

    def write_partitions(
        self,
        use_case: str,
        table: str,
        rows: pd.DataFrame,
        *,
        source_hashes: Mapping[str, str],
        contract_hash: str,
        version: str | None = None,
    ) -> TableRef:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._shared.of(table).parts:
            raise ConfigurationError(f"{table} is shared by all policies of a simulation; it is written once")
        own = self._own.setdefault(table, _Table())
        replacement = Replacement.of(rows, source_hashes, contract_hash, version)
        held = {day: _hashes(part, version) for day, part in own.parts.items()}
        changed = replacement.without(held) if own.parts else replacement
        if changed.contents:
            written = changed.table(None)
            for day in changed.contents:
                mine = written.filter(pc.field(PARTITION) == day)
                others = _others(own.parts.get(day, mine), version)
                # Without a row nothing tells the types, so an empty part joins no other.
                kept = [part for part in (others, mine) if part.num_rows] or [others]
                own.parts[day] = pa.concat_tables(kept, promote_options="default")
            own.version += 1
        first, last = min(source_hashes), max(source_hashes)
        return TableRef(use_case=use_case, table=table, version=own.version, first=first, last=last)

    def write_batches(
        self,
        use_case: str,
        table: str,
        partition: str,
        batches: Callable[[], Iterable[pa.RecordBatch]],
        *,
        source_hash: str,
        contract_hash: str,
    ) -> TableRef:
        import pyarrow as pa

        rows: pd.DataFrame = pa.Table.from_batches(batches()).to_pandas()
        return self.write_partition(
            use_case, table, partition, rows, source_hash=source_hash, contract_hash=contract_hash
        )

    def find(self, use_case: str, table: str, version: int | None = None) -> DeltaTable | None:
        self._no_delta(table)

    def open(self, use_case: str, table: str, version: int | None = None) -> DeltaTable:
        self._no_delta(table)

    def _no_delta(self, table: str) -> NoReturn:
        raise ConfigurationError(f"A simulation keeps {table} in memory and has no Delta table; use read()")


def _of(part: pa.Table, feature_set_version: str | None) -> pa.Table:
    import pyarrow.compute as pc

    if feature_set_version is None:
        return part
    if FEATURE_SET_VERSION not in part.column_names:
        return part.slice(0, 0)
    return part.filter(pc.field(FEATURE_SET_VERSION) == feature_set_version)


def _others(part: pa.Table, feature_set_version: str | None) -> pa.Table:
    """Return the rows that a write of one feature set leaves as they are."""
    import pyarrow.compute as pc

    if feature_set_version is None or FEATURE_SET_VERSION not in part.column_names:
        return part.slice(0, 0)
    return part.filter(pc.field(FEATURE_SET_VERSION) != feature_set_version)


def _hashes(part: pa.Table, feature_set_version: str | None) -> list[str]:
    return sorted(set(_of(part, feature_set_version)["content_hash"].to_pylist()))
