"""Small files of a partition, merged into one, while others write.

Not by the library's own compaction: of two that merge the same files at one time it lets both commit
(deltalake 1.6), and every row stands twice. Here a merge replaces its partition, as any other write does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from include.lake_outages import outages
from include.lake_writing import until_committed
from include.workspace import Workspace

if TYPE_CHECKING:
    from deltalake import DeltaTable

# A partition of more bytes is in several files on purpose, and is not read into memory.
_LARGEST = 64 << 20


def merge_small_files(use_case: str, table: str, workspace: Workspace) -> DeltaTable | None:
    """Leave one file of each partition that was in several small ones; return the table, if there is one.

    Who publishes a partition meanwhile wins, and it is looked at again.
    """

    def attempt() -> int:
        delta = workspace.lake.find(use_case, table)
        if delta is None:
            return -1
        for predicate in _scattered(delta):
            _merge(delta, predicate)
        return delta.version()

    with outages(workspace.lake.root):
        until_committed(attempt)
    return workspace.lake.find(use_case, table)


def _scattered(delta: DeltaTable) -> Iterator[str]:
    """Yield conditions on the partitions that lie in several small files."""
    columns = delta.metadata().partition_columns
    files: dict[tuple[str, ...], list[int]] = defaultdict(list)
    actions = delta.get_add_actions(flatten=True)
    rows = zip(
        *(actions.column(f"partition.{name}").to_pylist() for name in columns),
        actions.column("size_bytes").to_pylist(),
        strict=True,
    )
    for *values, size in rows:
        if all(value is not None for value in values):
            files[tuple(values)].append(size)
    for key, sizes in sorted(files.items()):
        if len(sizes) > 1 and sum(sizes) <= _LARGEST:
            yield " AND ".join(f"{name} = '{value}'" for name, value in zip(columns, key, strict=True))


def _merge(delta: DeltaTable, predicate: str) -> None:
    import pyarrow as pa
    from deltalake import CommitProperties, QueryBuilder, write_deltalake

    rows = pa.table(QueryBuilder().register("t", delta).execute(f"SELECT * FROM t WHERE {predicate}"))  # noqa: S608 -- keys of partitions
    write_deltalake(
        delta,
        rows,
        mode="overwrite",
        predicate=predicate,
        commit_properties=CommitProperties(max_commit_retries=0),
    )
