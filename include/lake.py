"""Delta Lake tables, one folder a use case, every table partitioned by data date.

A partition is replaced by one atomic commit. Writing the same rows again commits nothing, so a repeated run
leaves the bytes and the version of the table as they were.

Rows of features also name their feature set. Several sets may stand in one partition side by side; their rows
never share a file, so one can be rewritten or removed without touching the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from include.hashing import hash_batches
from include.lake_files import PartitionFile
from include.lake_names import (
    AUDIT_COLUMNS,
    FEATURE_SET_VERSION,
    LABEL,
    PARTITION,
    RELEASED_BY,
    ROW_KEY,
    SIDE_TABLE_PREFIX,
    TABLES,
    TableRef,
)
from include.lake_outages import outages
from include.lake_reading import LakeReader
from include.lake_rows import Audit
from include.lake_writing import TABLE_SETTINGS, Replacement, commit, until_committed
from include.partitions import parse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "AUDIT_COLUMNS",
    "FEATURE_SET_VERSION",
    "LABEL",
    "PARTITION",
    "RELEASED_BY",
    "ROW_KEY",
    "SIDE_TABLE_PREFIX",
    "TABLES",
    "Lake",
    "TableRef",
]


class Lake(LakeReader):
    """All tables under one root, for reading and writing."""

    def write_partition(
        self,
        use_case: str,
        table: str,
        partition: str,
        rows: pd.DataFrame,
        *,
        source_hash: str,
        contract_hash: str,
        version: str | None = None,
    ) -> TableRef:
        """Replace one partition by these rows in one commit, or change nothing when it holds them already.

        Args:
            use_case: name of the use case.
            table: name of the table.
            partition: key of the partition.
            rows: the data columns and `known_at` (dates), without the other audit columns.
            source_hash: hash of what the rows were made from.
            contract_hash: hash of the rules under which they were made.
            version: of the feature set that the rows belong to; rows of others stay as they are. None
                replaces all.
        """
        return self.write_partitions(
            use_case,
            table,
            rows.assign(**{PARTITION: partition}),
            source_hashes={partition: source_hash},
            contract_hash=contract_hash,
            version=version,
        )

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
        """Replace several partitions in one commit, each as `write_partition` would.

        Partitions that hold their rows already are left out, and without any other there is no commit.

        Args:
            use_case: name of the use case.
            table: name of the table.
            rows: as for `write_partition`, with the column `partition`; within one they keep their order.
            source_hashes: for each partition that is replaced, the hash of what its rows were made from; one
                without rows is emptied. At least one.
            contract_hash: hash of the rules under which they were made.
            version: of the feature set that the rows belong to, as for `write_partition`.

        Returns:
            The table from the first to the last partition named, in the version that holds the rows.
        """
        replacement = Replacement.of(rows, source_hashes, contract_hash, version)

        def attempt() -> int:
            delta = self.find(use_case, table)
            if delta is None:
                commit(replacement, None, self.uri(use_case, table), self._options)
                return self.open(use_case, table).version()
            changed = replacement.without(self._content_hashes(delta, sorted(source_hashes), version))
            if changed.contents:
                commit(changed, delta, self.uri(use_case, table), self._options)
            return delta.version()

        with outages(self.root):
            found = until_committed(attempt)
        first, last = min(source_hashes), max(source_hashes)
        return TableRef(use_case=use_case, table=table, version=found, first=first, last=last)

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

        def attempt() -> int:
            delta = self.find(use_case, table)
            if delta is not None:
                held = self._content_hashes(delta, [partition], None).get(partition, [])
                if held == ([content] if count else []):
                    return delta.version()
            return file.commit(delta, TABLE_SETTINGS)

        with outages(self.root):
            found = until_committed(attempt)
        return TableRef(use_case=use_case, table=table, version=found, first=partition, last=partition)
