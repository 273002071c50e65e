"""The data files of a Delta table as one dataset, opened without looking at what the log says of each column.

`DeltaTable.to_pyarrow_dataset` turns the statistics of every file into an expression, so that a filter may
pass over files. Our tables hold one small file or few a partition, which are chosen by their keys: there the
expressions cost more than the reading.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, NamedTuple

from include.lake_names import PARTITION
from include.storage import is_s3

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from deltalake import DeltaTable
    from pyarrow.fs import FileSystemHandler

_NONE = ""
# A file up to this size comes by one request; of a larger one, what is asked for.
_WHOLE_BYTES = 1 << 20


def dataset_of(
    delta: DeltaTable, options: dict[str, str], partitions: Collection[str] | None = None
) -> ds.FileSystemDataset:
    """Return the rows of some partitions of a table, or of all, unread.

    Args:
        delta: the table.
        options: of its store.
        partitions: keys; None for all.

    Raises:
        deltalake.exceptions.DeltaProtocolError: the table has features that this reader does not know.
    """
    import pyarrow.dataset as ds
    from pyarrow import fs

    # The library checks the table's protocol and brings its schema; no partition has an empty key.
    outline = delta.to_pyarrow_dataset(file_pruning_predicate=[(PARTITION, "=", _NONE)])
    files = list(_files(delta, partitions))
    if is_s3(delta.table_uri):
        store = fs.PyFileSystem(_handler(delta, options, {file.path: file.size for file in files}))
    else:
        # Arrow's own reader of folders costs half of one that calls back into the library.
        store = fs.SubTreeFileSystem(fs.LocalFileSystem.from_uri(delta.table_uri)[1], fs.LocalFileSystem())
    fragments = [
        outline.format.make_fragment(file.path, filesystem=store, partition_expression=file.holds)
        for file in files
    ]
    return ds.FileSystemDataset(fragments, outline.schema, outline.format, store)


class _File(NamedTuple):
    """A data file, its bytes, and what all of its rows have in common."""

    path: str
    size: int
    holds: pc.Expression


def _files(delta: DeltaTable, partitions: Collection[str] | None) -> Iterator[_File]:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = delta.metadata().partition_columns
    log: pa.Table = pa.table(delta.get_add_actions(flatten=True))
    if partitions is not None:
        log = log.filter(pc.is_in(log[f"partition.{PARTITION}"], pa.array(list(partitions), pa.string())))
    known = ["path", "size_bytes", *(f"partition.{name}" for name in names)]
    for file in log.select(known).to_pylist():
        values = {name: file[f"partition.{name}"] for name in names}
        holds = reduce(and_, (_is(name, value) for name, value in values.items()))
        yield _File(file["path"], file["size_bytes"], holds)


def _handler(delta: DeltaTable, options: dict[str, str], sizes: dict[str, int]) -> FileSystemHandler:
    """Return what reads files of a store, the small ones by one request instead of two for their parts."""
    import pyarrow as pa
    from deltalake.fs import DeltaStorageHandler

    class WholeFiles(DeltaStorageHandler):
        def open_input_file(self, path: str) -> pa.NativeFile:
            file = super().open_input_file(path)
            return file if sizes[path] > _WHOLE_BYTES else pa.BufferReader(file.read())

    # Made from the table, it shares the connections that the table has open.
    return WholeFiles.from_table(delta._table, options, sizes)


def _is(name: str, value: str | None) -> pc.Expression:
    import pyarrow.compute as pc

    return pc.field(name).is_null() if value is None else pc.field(name) == value
