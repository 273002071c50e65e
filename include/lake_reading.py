"""Reading Delta tables: by partition, by version of the table, by what was known, by feature set."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Self

from include.errors import ConfigurationError, NotFound
from include.hashing import digest
from include.lake_datasets import dataset_of, rows_of
from include.lake_names import FEATURE_SET_VERSION, PARTITION, SIDE_TABLE_PREFIX, TABLES
from include.lake_opening import OpenTables
from include.lake_outages import outage, outages
from include.storage import checked_key, is_s3

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

    from include.settings import Settings


class LakeReader:
    """All tables under one root, for reading.

    Args:
        root: a folder, or `s3://bucket/prefix`.
        storage_options: what the Delta library needs beyond the credentials that it finds by itself.
    """

    def __init__(self, root: str, storage_options: dict[str, str] | None = None) -> None:
        self.root = root.rstrip("/")
        self._options = storage_options or {}
        self._tables = OpenTables(self._options)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Open the lake that the settings name."""
        if not is_s3(settings.lake):
            return cls(settings.lake.removeprefix("file://"))
        options = {"AWS_REGION": settings.s3_region}
        if settings.s3_endpoint_url:
            options["AWS_ENDPOINT_URL"] = settings.s3_endpoint_url
            options["AWS_ALLOW_HTTP"] = str(settings.s3_endpoint_url.startswith("http://")).lower()
        return cls(settings.lake, options)

    def uri(self, use_case: str, table: str) -> str:
        """Return the address of a table."""
        if table not in TABLES and not table.startswith(SIDE_TABLE_PREFIX):
            raise ConfigurationError(f"There is no table {table!r}; the tables are {', '.join(TABLES)}")
        return f"{self.root}/{checked_key(use_case)}/{checked_key(table)}"

    def open(self, use_case: str, table: str, version: int | None = None) -> DeltaTable:
        """Open a table, at an earlier version if asked; `NotFound` when it was never written."""
        delta = self.find(use_case, table, version)
        if delta is None:
            uri = self.uri(use_case, table)
            raise NotFound(f"Table {uri} does not exist yet; run {use_case}.ingest for a partition first")
        return delta

    def find(self, use_case: str, table: str, version: int | None = None) -> DeltaTable | None:
        """Open a table, or return None when it was never written.

        In its newest version it is one object for all in a thread who ask this lake for it, and moves on with
        the next of them.

        Raises:
            NotFound: the table exists, but not in this version.
        """
        from deltalake.exceptions import DeltaError, TableNotFoundError

        uri = self.uri(use_case, table)
        try:
            return self._tables.newest(uri) if version is None else self._tables.at(uri, version)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            if version is None or isinstance(error, OSError):
                raise outage(self.root, error) from error
            raise NotFound(f"Table {uri} has no version {version}; retention may have removed it") from error

    def dataset(self, delta: DeltaTable, partitions: Collection[str] | None = None) -> ds.FileSystemDataset:
        """Return the rows of some partitions of an opened table, or of all, unread."""
        return dataset_of(delta, self._options, partitions)

    def version(self, use_case: str, table: str) -> int:
        """Return the newest version of a table, or -1 when it was never written."""
        delta = self.find(use_case, table)
        return -1 if delta is None else delta.version()

    def partitions(
        self,
        use_case: str,
        table: str,
        *,
        version: int | None = None,
        feature_set_version: str | None = None,
    ) -> list[str]:
        """Return the keys of the partitions that hold rows, of one feature set if asked, in order."""
        delta = self.find(use_case, table, version)
        if delta is None:
            return []
        if feature_set_version is not None:
            return sorted(self._versions(delta).get(feature_set_version, {}))
        return sorted({str(found[PARTITION]) for found in delta.partitions()})

    def feature_set_versions(
        self, use_case: str, table: str = "features", *, version: int | None = None
    ) -> dict[str, dict[str, int]]:
        """Return the feature sets that stand in a table: version -> partition -> rows, in order."""
        delta = self.find(use_case, table, version)
        return {} if delta is None else self._versions(delta)

    def _versions(self, delta: DeltaTable) -> dict[str, dict[str, int]]:
        import pyarrow as pa

        # The log answers where the table is laid out by feature set; older ones are read.
        if FEATURE_SET_VERSION in delta.metadata().partition_columns:
            log = pa.table(delta.get_add_actions(flatten=True))
            names = [f"partition.{FEATURE_SET_VERSION}", "partition.partition", "num_records"]
            found = zip(*(log[name].to_pylist() for name in names), strict=True)
        elif FEATURE_SET_VERSION in _columns(delta):
            with outages(self.root):
                rows = self.dataset(delta).to_table([FEATURE_SET_VERSION, PARTITION])
            counted = rows.group_by([FEATURE_SET_VERSION, PARTITION]).aggregate([([], "count_all")])
            found = zip(*(counted[number].to_pylist() for number in range(3)), strict=True)
        else:
            return {}
        return _tree(found)

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
        """Read rows, in the order of their partitions.

        Args:
            use_case: name of the use case.
            table: name of the table.
            partitions: keys to read; None reads all.
            columns: columns to read; None reads all.
            version: an earlier version of the table; None reads the newest.
            known_by: keep only rows whose `known_at` is no later than this date.
            feature_set_version: keep only rows of this feature set; files of others are not opened. None
                reads all, so that two sets of one partition give each row twice.

        Raises:
            NotFound: the table, the version or a column does not exist.
        """
        delta = self.open(use_case, table, version)
        known = _columns(delta)
        if unknown := sorted(set(columns or ()) - set(known)):
            raise NotFound(f"Table {self.uri(use_case, table)} has no column {unknown}; it has {known}")
        condition = _condition(known, known_by, feature_set_version)
        only = {} if feature_set_version is None else {FEATURE_SET_VERSION: feature_set_version}
        with outages(self.root):
            wanted = None if columns is None else list(dict.fromkeys([*columns, PARTITION]))
            found = rows_of(
                delta,
                self._options,
                partitions=partitions,
                columns=wanted,
                condition=condition,
                only=only,
            )
            rows: pd.DataFrame = found.to_pandas()
        rows = rows.sort_values(PARTITION, kind="stable", ignore_index=True)
        return rows if columns is None else rows[list(columns)]

    def scan(self, use_case: str, table: str, first: str, last: str) -> ds.Dataset | None:
        """Return the rows of a range of partitions unread, for a reader that takes them in batches.

        None when there are no such partitions.
        """
        delta = self.find(use_case, table)
        found = [] if delta is None else [str(partition[PARTITION]) for partition in delta.partitions()]
        days = [day for day in found if first <= day <= last]
        if delta is None or not days:
            return None
        with outages(self.root):
            return self.dataset(delta, days)

    def value_counts(self, use_case: str, table: str, column: str = "") -> dict[str, int]:
        """Return the rows of each partition, or the values of one column that are not null.

        The table's log alone is read: no data file is opened. Partitions from before the table had the column
        are left out, because nobody counted there. Rows of all feature sets count; `feature_set_versions`
        tells them apart.
        """
        import pyarrow as pa

        delta = self.find(use_case, table)
        if delta is None:
            return {}
        counts: dict[str, int] = {}
        log = pa.table(delta.get_add_actions(flatten=True))
        wanted = ["partition.partition", "num_records", f"null_count.{column}"]
        for file in log.select([name for name in wanted if name in log.column_names]).to_pylist():
            partition = str(file["partition.partition"])
            nulls = file.get(f"null_count.{column}") if column else 0
            if nulls is not None:
                counts[partition] = counts.get(partition, 0) + int(file["num_records"]) - int(nulls)
        return dict(sorted(counts.items()))

    def known_between(
        self, use_case: str, table: str, column: str, *, partitions: Sequence[str], after: date, by: date
    ) -> int:
        """Count the values of a column, not null, that came to be known after one date and by another.

        The table's log answers for every file whose rows all fall on one side of either date, as those of a
        day mostly do. Only the others are opened, so that a long time costs hardly more than a short one.
        """
        import pyarrow as pa

        log = pa.table(self.open(use_case, table).get_add_actions(flatten=True))
        counted: dict[str, int] = dict.fromkeys(partitions, 0)
        unsure = set()
        for file in log.to_pylist():
            day, first, last = file["partition.partition"], file.get("min.known_at"), file.get("max.known_at")
            nulls = file.get(f"null_count.{column}")
            if day not in counted:
                continue
            if first is None or last is None or nulls is None or file.get("null_count.known_at"):
                unsure.add(day)
            elif first > after and last <= by:
                counted[day] += int(file["num_records"]) - int(nulls)
            elif last > after and first <= by:
                unsure.add(day)
        told = sum(count for day, count in counted.items() if day not in unsure)
        if not unsure:
            return told
        columns = [column, "known_at"]
        rows = self.read(use_case, table, partitions=sorted(unsure), columns=columns, known_by=by)
        return told + int((rows[column].notna() & (rows["known_at"] > after)).sum())

    def content_hash(
        self, use_case: str, table: str, partition: str, *, feature_set_version: str | None = None
    ) -> str | None:
        """Return the hash of a partition's rows, or None when it holds none.

        Several feature sets have one hash together; that of each is found under its version.
        """
        delta = self.find(use_case, table)
        if delta is None:
            return None
        return one_hash(self._content_hashes(delta, [partition], feature_set_version).get(partition, []))

    def _content_hashes(
        self, delta: DeltaTable, partitions: Sequence[str], feature_set_version: str | None
    ) -> dict[str, list[str]]:
        """Return the hashes that stand in the rows of each partition."""
        condition = _condition(_columns(delta), None, feature_set_version)
        names = [PARTITION, "content_hash"]
        with outages(self.root):
            found = (
                self.dataset(delta, partitions)
                .to_table(columns=names, filter=condition)
                .group_by(names)
                .aggregate([])
            )
        hashes: dict[str, list[str]] = {}
        for row in found.sort_by("content_hash").to_pylist():
            hashes.setdefault(row[PARTITION], []).append(row["content_hash"])
        return hashes


def one_hash(found: Sequence[str]) -> str | None:
    """Return what names the content of a partition, from the hashes in its rows; None without any."""
    return found[0] if len(found) == 1 else digest(found) if found else None


def _columns(delta: DeltaTable) -> list[str]:
    return [field.name for field in delta.schema().fields]


def _condition(
    known: Sequence[str], known_by: date | None, feature_set_version: str | None
) -> pc.Expression | None:
    import pyarrow.compute as pc

    conditions = []
    if known_by is not None:
        conditions.append(pc.field("known_at") <= known_by)
    if feature_set_version is not None:
        named = FEATURE_SET_VERSION in known
        conditions.append(pc.field(FEATURE_SET_VERSION) == feature_set_version if named else pc.scalar(False))
    return reduce(and_, conditions) if conditions else None


def _tree(found: Iterable[tuple[str | None, str, int]]) -> dict[str, dict[str, int]]:
    """Add up rows by version and partition, in order; rows that name no version are left out."""
    tree: dict[str, dict[str, int]] = {}
    for version, partition, rows in sorted(one for one in found if one[0] is not None):
        days = tree.setdefault(str(version), {})
        days[partition] = days.get(partition, 0) + int(rows)
    return tree
