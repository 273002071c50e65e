"""The data files of a Delta table as one dataset, opened without looking at what the log says of each column.

`DeltaTable.to_pyarrow_dataset` turns the statistics of every file into an expression, so that a filter may
pass over files. Our tables hold one small file or few a partition, which are chosen by their keys: there the
expressions cost more than the reading.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from include.lake_names import PARTITION
from include.storage import is_s3

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

_NONE = ""


def dataset_of(delta: DeltaTable, partitions: Collection[str] | None = None) -> ds.FileSystemDataset:
    """Return the rows of some partitions of a table, or of all, unread.

    Raises:
        deltalake.exceptions.DeltaProtocolError: the table has features that this reader does not know.
    """
    import pyarrow.dataset as ds
    from pyarrow import fs

    # The library checks the table's protocol and brings its schema; no partition has an empty key.
    outline = delta.to_pyarrow_dataset(file_pruning_predicate=[(PARTITION, "=", _NONE)])
    store = outline.filesystem
    if not is_s3(delta.table_uri):
        # Arrow's own reader of folders costs half of one that calls back into the library.
        store = fs.SubTreeFileSystem(fs.LocalFileSystem.from_uri(delta.table_uri)[1], fs.LocalFileSystem())
    fragments = [
        outline.format.make_fragment(path, filesystem=store, partition_expression=holds)
        for path, holds in _files(delta, partitions)
    ]
    return ds.FileSystemDataset(fragments, outline.schema, outline.format, store)


def _files(delta: DeltaTable, partitions: Collection[str] | None) -> Iterator[tuple[str, pc.Expression]]:
    """Yield the path of each file, and what all of its rows have in common."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = delta.metadata().partition_columns
    log: pa.Table = pa.table(delta.get_add_actions(flatten=True))
    if partitions is not None:
        log = log.filter(pc.is_in(log[f"partition.{PARTITION}"], pa.array(list(partitions), pa.string())))
    for file in log.select(["path", *(f"partition.{name}" for name in names)]).to_pylist():
        values = {name: file[f"partition.{name}"] for name in names}
        yield file["path"], reduce(and_, (_is(name, value) for name, value in values.items()))


def _is(name: str, value: str | None) -> pc.Expression:
    import pyarrow.compute as pc

    return pc.field(name).is_null() if value is None else pc.field(name) == value
