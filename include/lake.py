"""Delta Lake tables, one folder a use case, every table partitioned by data date.

A partition is replaced by one atomic commit. Writing the same rows again commits nothing, so a repeated run
leaves the bytes and the version of the table as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from include.errors import ConfigurationError, NotFound
from include.hashing import hash_batches, hash_rows
from include.lake_files import PartitionFile
from include.lake_outages import outage, outages
from include.lake_rows import Audit, as_arrow
from include.partitions import parse
from include.storage import checked_key, is_s3

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

    from include.settings import Settings

    # Commits rows to the table as it stands, or makes it where there is none yet; returns the version.
    _Put = Callable[[DeltaTable | None], int]

TABLES = (
    "batches",
    "quarantine",
    "snapshots",
    "profiles",
    "features",
    "feature_profiles",
    "labels",
    "predictions",
    "metrics",
)
SIDE_TABLE_PREFIX = "side_"
PARTITION = "partition"
ROW_KEY = "row_key"
LABEL = "label"
RELEASED_BY = "released_by"  # the decision that let in a row which had been set aside; null for all others
AUDIT_COLUMNS = (
    PARTITION,
    "known_at",
    "ingested_at",
    "source_hash",
    "contract_hash",
    "content_hash",
    RELEASED_BY,
)
_COMMIT_ATTEMPTS = 16
_TABLE_SETTINGS = {
    # Without checkpoints a reader replays the whole log, and each day would cost more than the day before.
    "delta.checkpointInterval": "16",
    # A training set is read again by its version; the log that names the version's files must not expire.
    "delta.logRetentionDuration": "interval 36500 days",
    # Statistics of all columns, not of the first 32 only: `value_counts` answers from them.
    "delta.dataSkippingNumIndexedCols": "-1",
}


class TableRef(BaseModel):
    """The name of a set of rows that can be read again byte for byte.

    >>> str(TableRef(use_case="flights", table="features", version=7, first="2013-01-07", last="2013-01-13"))
    'flights/features@7[2013-01-07..2013-01-13]'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    table: str
    version: int
    first: str
    last: str

    def __str__(self) -> str:
        return f"{self.use_case}/{self.table}@{self.version}[{self.first}..{self.last}]"


class Lake:
    """All tables under one root.

    Args:
        root: a folder, or `s3://bucket/prefix`.
        storage_options: what the Delta library needs beyond the credentials that it finds by itself.
    """

    def __init__(self, root: str, storage_options: dict[str, str] | None = None) -> None:
        self.root = root.rstrip("/")
        self._options = storage_options or {}

    @classmethod
    def from_settings(cls, settings: Settings) -> Lake:
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

        Raises:
            NotFound: the table exists, but not in this version.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        uri = self.uri(use_case, table)
        try:
            return DeltaTable(uri, version=version, storage_options=self._options)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            if version is None or isinstance(error, OSError):
                raise outage(self.root, error) from error
            raise NotFound(f"Table {uri} has no version {version}; retention may have removed it") from error

    def version(self, use_case: str, table: str) -> int:
        """Return the newest version of a table, or -1 when it was never written."""
        delta = self.find(use_case, table)
        return -1 if delta is None else delta.version()

    def partitions(self, use_case: str, table: str, *, version: int | None = None) -> list[str]:
        """Return the keys of the partitions that hold rows, in order."""
        delta = self.find(use_case, table, version)
        return [] if delta is None else _days(delta)

    def read(
        self,
        use_case: str,
        table: str,
        *,
        partitions: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        known_by: date | None = None,
    ) -> pd.DataFrame:
        """Read rows, in the order of their partitions.

        Args:
            use_case: name of the use case.
            table: name of the table.
            partitions: keys to read; None reads all.
            columns: columns to read; None reads all.
            version: an earlier version of the table; None reads the newest.
            known_by: keep only rows whose `known_at` is no later than this date.

        Raises:
            NotFound: the table, the version or a column does not exist.
        """
        import pyarrow.dataset as ds

        delta = self.open(use_case, table, version)
        known = [field.name for field in delta.schema().fields]
        if unknown := sorted(set(columns or ()) - set(known)):
            raise NotFound(f"Table {self.uri(use_case, table)} has no column {unknown}; it has {known}")
        chosen = None if partitions is None else [("partition", "in", list(partitions))]
        condition = None if known_by is None else ds.field("known_at") <= known_by
        with outages(self.root):
            source = delta.to_pyarrow_dataset(file_pruning_predicate=chosen)
            wanted = None if columns is None else list(dict.fromkeys([*columns, "partition"]))
            rows: pd.DataFrame = source.to_table(columns=wanted, filter=condition).to_pandas()
        rows = rows.sort_values("partition", kind="stable", ignore_index=True)
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
            return delta.to_pyarrow_dataset(file_pruning_predicate=[(PARTITION, "in", days)])

    def value_counts(self, use_case: str, table: str, column: str = "") -> dict[str, int]:
        """Return the rows of each partition, or the values of one column that are not null.

        The table's log alone is read: no data file is opened. Partitions from before the table had the column
        are left out, because nobody counted there.
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

    def content_hash(self, use_case: str, table: str, partition: str) -> str | None:
        """Return the hash of a partition's rows, or None when it holds none."""
        delta = self.find(use_case, table)
        return None if delta is None else self._content_hash(delta, partition)

    def _content_hash(self, delta: DeltaTable, partition: str) -> str | None:
        with outages(self.root):
            source = delta.to_pyarrow_dataset(file_pruning_predicate=[("partition", "=", partition)])
            found = source.head(1, columns=["content_hash"])["content_hash"].to_pylist()
        return found[0] if found else None

    def write_partition(
        self,
        use_case: str,
        table: str,
        partition: str,
        rows: pd.DataFrame,
        *,
        source_hash: str,
        contract_hash: str,
    ) -> TableRef:
        """Replace one partition by these rows in one commit, or change nothing when it holds them already.

        Args:
            use_case: name of the use case.
            table: name of the table.
            partition: key of the partition.
            rows: the data columns and `known_at` (dates), without the other audit columns.
            source_hash: hash of what the rows were made from.
            contract_hash: hash of the rules under which they were made.
        """
        parse(partition)  # it becomes part of a predicate
        content = hash_rows(rows, salt=f"{source_hash}{contract_hash}")
        audit = Audit(partition, source_hash, contract_hash, content)
        options = self._options

        def put(known: DeltaTable | None) -> int:
            _write(known or self.uri(use_case, table), as_arrow(rows, audit, known), partition, options)
            return (known or self.open(use_case, table)).version()

        return self._commit(use_case, table, audit, empty=rows.empty, put=put)

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
        """Replace one partition as `write_partition` does, by rows that need not fit into memory.

        Args:
            use_case: name of the use case.
            table: name of the table.
            partition: key of the partition.
            batches: gives the rows from the beginning, the same each time: it is called to hash them, and
                again to write them in their order. One batch at least, which may be empty.
            source_hash: hash of what the rows were made from.
            contract_hash: hash of the rules under which they were made.
        """
        parse(partition)  # it becomes part of a predicate
        count, content = hash_batches(batches(), salt=f"{source_hash}{contract_hash}")
        audit = Audit(partition, source_hash, contract_hash, content)
        file = PartitionFile(self.uri(use_case, table), self._options, audit, batches)
        return self._commit(
            use_case, table, audit, empty=count == 0, put=lambda known: file.commit(known, _TABLE_SETTINGS)
        )

    def _commit(self, use_case: str, table: str, audit: Audit, *, empty: bool, put: _Put) -> TableRef:
        from deltalake.exceptions import CommitFailedError
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        # Another writer may win the race for a version; its commit is read before this one is tried again.
        attempts = Retrying(
            retry=retry_if_exception_type(CommitFailedError),
            stop=stop_after_attempt(_COMMIT_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.05, max=2),
            reraise=True,
        )
        with outages(self.root):
            holds = None if empty else audit.content_hash
            version = attempts(self._replace, use_case, table, audit, holds, put)
        day = audit.partition
        return TableRef(use_case=use_case, table=table, version=version, first=day, last=day)

    def _replace(self, use_case: str, table: str, audit: Audit, holds: str | None, put: _Put) -> int:
        """Commit the rows unless the partition holds them already; return the version that holds them."""
        delta = self.find(use_case, table)
        if delta is not None and self._content_hash(delta, audit.partition) == holds:
            return delta.version()
        return put(delta)


def _days(delta: DeltaTable) -> list[str]:
    return sorted({str(found[PARTITION]) for found in delta.partitions()})


def _write(table: DeltaTable | str, rows: pa.Table, partition: str, options: dict[str, str]) -> None:
    from deltalake import CommitProperties, write_deltalake

    new = isinstance(table, str)
    write_deltalake(
        table,
        rows,
        mode="overwrite",
        predicate=f"partition = '{partition}'",
        partition_by=["partition"],
        schema_mode="merge",
        configuration=_TABLE_SETTINGS if new else None,
        storage_options=options if new else None,
        # The library's own retry of a lost race for version 0 replaces nothing: it adds these rows to the
        # winner's. Failing at once leads back to `find`, which then sees the winner's table.
        commit_properties=CommitProperties(max_commit_retries=0) if new else None,
    )
