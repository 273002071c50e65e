"""A partition as one Parquet file that is written in chunks and then named by one commit.

The Delta library's own writer deals the batches of a stream to several threads, which loses their order. Here
the rows stay in the order in which they came, and no more than one batch of them is in memory.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.lake_rows import Audit, as_reader, merged_schema
from include.storage import is_s3

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from deltalake import CommitProperties, DeltaTable, Schema
    from deltalake.transaction import AddAction

_PARTITION = "partition"
_LONGEST_BOUND = 64  # characters of a text that is named as smallest or largest value of its file


class PartitionFile:
    """The rows of one partition, on their way into a table.

    Args:
        uri: address of the table.
        options: of its store.
        audit: what every row carries.
        batches: gives the rows from the beginning.
    """

    def __init__(
        self,
        uri: str,
        options: dict[str, str],
        audit: Audit,
        batches: Callable[[], Iterable[pa.RecordBatch]],
    ) -> None:
        self._uri, self._options, self._audit, self._batches = uri, options, audit, batches
        self._written: tuple[pa.Schema, AddAction | None] | None = None

    def commit(self, known: DeltaTable | None, configuration: dict[str, str]) -> int:
        """Put the rows in the place of those that the partition holds, and return the table's new version.

        The file is written by the first attempt; later ones use it again, unless the winner of the race has
        changed the table's columns.

        Args:
            known: the table as it stands; None where there is none yet.
            configuration: of a table that is made.

        Raises:
            CommitFailedError: another writer has committed since `known` was opened.
        """
        from deltalake import CommitProperties, Schema

        reader = as_reader(self._batches(), self._audit, known)
        if self._written is None or self._written[0] != reader.schema:
            self._written = reader.schema, self._write(reader)
        added = self._written[1]
        schema = Schema.from_arrow(merged_schema(reader.schema, known))
        # Without a retry of the library's own, which would not see that another writer filled the partition.
        strictly = CommitProperties(max_commit_retries=0)
        before = -1 if known is None else known.version()
        if known is None:
            self._make_table(added, schema, configuration, strictly)
        elif added is None:
            known.delete(f"{_PARTITION} = '{self._audit.partition}'", commit_properties=strictly)
        else:
            known.create_write_transaction(
                [added],
                "overwrite",
                schema,
                partition_by=[_PARTITION],
                partition_filters=[(_PARTITION, "=", self._audit.partition)],
                commit_properties=strictly,
            )
        # A commit that is not tried again can only have been the next one.
        return 0 if known is None else before + 1

    def _make_table(
        self,
        added: AddAction | None,
        schema: Schema,
        configuration: dict[str, str],
        strictly: CommitProperties,
    ) -> None:
        from deltalake.exceptions import CommitFailedError, DeltaError
        from deltalake.transaction import create_table_with_add_actions

        try:
            create_table_with_add_actions(
                self._uri,
                schema,
                [] if added is None else [added],
                partition_by=[_PARTITION],
                configuration=configuration,
                storage_options=self._options,
                commit_properties=strictly,
            )
        except DeltaError as error:
            if "already exists" not in str(error):
                raise
            raise CommitFailedError(str(error)) from error

    def _write(self, reader: pa.RecordBatchReader) -> AddAction | None:
        """Write the rows; None when there are none."""
        import pyarrow as pa
        import pyarrow.parquet as pq
        from deltalake.fs import DeltaStorageHandler
        from deltalake.transaction import AddAction
        from pyarrow.fs import PyFileSystem

        if not is_s3(self._uri):
            Path(self._uri).mkdir(parents=True, exist_ok=True)
        files = PyFileSystem(DeltaStorageHandler(self._uri, self._options))
        path = f"{_PARTITION}={self._audit.partition}/part-{secrets.token_hex(16)}.zstd.parquet"
        kept = pa.schema([field for field in reader.schema if field.name != _PARTITION])
        footers: list[pq.FileMetaData] = []
        with (
            files.open_output_stream(path) as out,
            pq.ParquetWriter(
                out, kept, compression="zstd", store_schema=False, metadata_collector=footers
            ) as writer,
        ):
            for batch in reader:
                if batch.num_rows:
                    writer.write_batch(batch.select(kept.names))
        if footers[0].num_rows == 0:
            return None
        return AddAction(
            path=path,
            size=files.get_file_info(path).size,
            partition_values={_PARTITION: self._audit.partition},
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=json.dumps(_statistics(footers[0])),
        )


def _statistics(footer: pq.FileMetaData) -> dict[str, Any]:
    """Return what the table's log says of a file: rows, and per column its nulls and its bounds."""
    nulls: dict[str, int] = {}
    smallest: dict[str, Any] = {}
    largest: dict[str, Any] = {}
    for number in range(footer.num_columns):
        chunks = [footer.row_group(group).column(number) for group in range(footer.num_row_groups)]
        found = [chunk.statistics for chunk in chunks]
        name = chunks[0].path_in_schema
        if all(one is not None and one.has_null_count for one in found):
            nulls[name] = sum(one.null_count for one in found)
        bounded = [one for one in found if one is not None and one.has_min_max]
        # A chunk of nulls has no bounds, and none of another kind may be missing.
        if bounded and len(bounded) == sum(one is not None and one.num_values > 0 for one in found):
            low, high = min(one.min for one in bounded), max(one.max for one in bounded)
            if _can_be_named(low) and _can_be_named(high):
                smallest[name], largest[name] = _named(low), _named(high)
    return {
        "numRecords": footer.num_rows,
        "nullCount": nulls,
        "minValues": smallest,
        "maxValues": largest,
    }


def _can_be_named(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_BOUND
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, (int, date, datetime)) and not isinstance(value, bool)


def _named(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
