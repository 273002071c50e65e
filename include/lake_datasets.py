"""The data files of a Delta table, opened without looking at what the log says of each column.

`DeltaTable.to_pyarrow_dataset` turns the statistics of every file into an expression, so that a filter may
pass over files. Our tables hold one small file or few a partition, which are chosen by their keys: there the
expressions cost more than the reading. Where files are as small as the profiles of a day, so does Arrow's
machinery for datasets; those of a folder are read one after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from operator import and_
from pathlib import Path
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
# Up to this size, setting a dataset's scan up takes longer than reading the file.
_SMALL_BYTES = 1 << 16


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
    return _dataset(delta, options, list(_files(delta, partitions)))


def rows_of(
    delta: DeltaTable,
    options: dict[str, str],
    *,
    partitions: Collection[str] | None,
    columns: Sequence[str] | None,
    condition: pc.Expression | None,
    only: Mapping[str, str],
) -> pa.Table:
    """Read rows of some partitions of a table, or of all.

    Args:
        delta: the table.
        options: of its store.
        partitions: keys; None for all.
        columns: their names; None for all.
        condition: what these columns, `known_at` or those of `only` must fulfil.
        only: values of columns that files are laid out by; files with others are not opened.

    Raises:
        deltalake.exceptions.DeltaProtocolError: the table has features that this reader does not know.
    """
    files = [
        file
        for file in _files(delta, partitions)
        if all(file.values.get(name, value) == value for name, value in only.items())
    ]
    if files and not is_s3(delta.table_uri) and all(file.size <= _SMALL_BYTES for file in files):
        needed = None if columns is None else {*columns, "known_at", *only}
        rows = _one_by_one(delta, files, needed)
        rows = rows if condition is None else rows.filter(condition)
        return rows if columns is None else rows.select(list(columns))
    return _dataset(delta, options, files).to_table(
        columns=None if columns is None else list(columns), filter=condition
    )


def _one_by_one(delta: DeltaTable, files: Sequence[_File], columns: Collection[str] | None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole, folder = _outline(delta).schema, _folder(delta)
    schema = pa.schema([field for field in whole if columns is None or field.name in columns])
    parts = []
    for file in files:
        with pq.ParquetFile(folder / file.path, pre_buffer=False) as opened:
            rows = opened.read(columns=schema.names, use_threads=False)
            count = opened.metadata.num_rows
        part = [_column(rows, field, file.values, count) for field in schema]
        parts.append(pa.Table.from_arrays(part, schema=schema))
    return pa.concat_tables(parts)


def _column(
    rows: pa.Table, field: pa.Field, values: Mapping[str, str | None], count: int
) -> pa.Array | pa.ChunkedArray:
    """Return a column as the table has it today: of an older file it may be missing, or of another type."""
    import pyarrow as pa

    if field.name in values:
        return pa.repeat(pa.scalar(values[field.name], field.type), count)
    if field.name not in rows.column_names:
        return pa.nulls(count, field.type)
    return rows.column(field.name).cast(field.type)


def _outline(delta: DeltaTable) -> ds.FileSystemDataset:
    """Return the table without files: the library checks its protocol and brings its schema."""
    return delta.to_pyarrow_dataset(file_pruning_predicate=[(PARTITION, "=", _NONE)])


def _folder(delta: DeltaTable) -> Path:
    from pyarrow import fs

    return Path(fs.LocalFileSystem.from_uri(delta.table_uri)[1])


def _dataset(delta: DeltaTable, options: dict[str, str], files: Sequence[_File]) -> ds.FileSystemDataset:
    import pyarrow.dataset as ds
    from pyarrow import fs

    outline = _outline(delta)
    if is_s3(delta.table_uri):
        store = fs.PyFileSystem(_handler(delta, options, {file.path: file.size for file in files}))
    else:
        # Arrow's own reader of folders costs half of one that calls back into the library.
        store = fs.SubTreeFileSystem(str(_folder(delta)), fs.LocalFileSystem())
    fragments = [
        outline.format.make_fragment(file.path, filesystem=store, partition_expression=file.holds)
        for file in files
    ]
    return ds.FileSystemDataset(fragments, outline.schema, outline.format, store)


class _File(NamedTuple):
    """A data file, its bytes, and what all of its rows have in common."""

    path: str
    size: int
    values: dict[str, str | None]

    @property
    def holds(self) -> pc.Expression:
        return reduce(and_, (_is(name, value) for name, value in self.values.items()))


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
        yield _File(file["path"], file["size_bytes"], values)


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
