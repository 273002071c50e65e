"""Parquet: what the footer claims is checked before anything is allocated for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.errors import BatchUnreadable
from include.ingestion.sources.conversion import Conversion, check_columns, check_types
from include.ingestion.sources.text_lines import Budget

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS = 65_536
_BATCH_BYTES = 256_000_000


def read_parquet(
    path: Path, conversion: Conversion, budget: Budget, *, max_columns: int, first_row: int = 0
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file; nothing when its columns or types are not those of the contract.

    Raises:
        BatchUnreadable: it is truncated, something else than Parquet, or claims more than the budget.
    """
    import pyarrow as pa

    doubts, size = conversion.doubts, path.stat().st_size
    doubts.unit = "row"
    try:
        opened = _opened(path, size, budget, doubts.source)
        schema = opened.schema_arrow
        named = check_columns(schema.names, doubts, max_columns=max_columns)
        if not named or not check_types(schema, doubts):
            return
        place = first_row + 1
        for rows in _batches(path, opened, list(conversion.contract.columns)):
            rows.validate(full=True)
            for part in _bounded(rows, budget, doubts.source):
                yield conversion.batch(part, range(place, place + len(part)))
                place += len(part)
    except (pa.ArrowException, OSError, EOFError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise BatchUnreadable(f"not readable as Parquet ({size} bytes): {said}") from error


def _opened(path: Path, size: int, budget: Budget, name: str) -> pq.ParquetFile:
    """Open a file and compare what its footer claims with what it can hold."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    metadata = file.metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if metadata.num_rows != sum(group.num_rows for group in groups):
        raise BatchUnreadable(
            f"not readable as Parquet ({size} bytes): the footer claims {metadata.num_rows} rows and its "
            f"parts {sum(group.num_rows for group in groups)}"
        )
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    for column in columns:
        if not 0 <= column.total_compressed_size <= size or column.num_values < 0:
            raise BatchUnreadable(
                f"not readable as Parquet ({size} bytes): the footer claims "
                f"{column.total_compressed_size} bytes for column {column.path_in_schema!r}"
            )
    claimed = sum(column.total_uncompressed_size for column in columns)
    if claimed > budget.decompressed:
        raise BatchUnreadable(
            f"{name} has {size} bytes and claims to unpack to {claimed}, more than "
            "source.max_decompressed_bytes; raise the limit if this is no bomb"
        )
    return file


def _batches(path: Path, opened: pq.ParquetFile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read with texts as codes: a long text that is repeated a million times takes its own length once."""
    import pyarrow.parquet as pq
    import pyarrow.types as pat

    texts = [field.name for field in opened.schema_arrow if field.name in names and pat.is_string(field.type)]
    file: Any = pq.ParquetFile(path, metadata=opened.metadata, read_dictionary=texts, pre_buffer=False)
    yield from file.iter_batches(batch_size=_ROWS, columns=list(names))


def _bounded(rows: pa.RecordBatch, budget: Budget, name: str) -> Iterator[pa.RecordBatch]:
    """Count what the rows unpack to, and cut them into parts that fit into memory."""
    size = sum(
        _decoded(rows.column(number), field.name, budget, name) for number, field in enumerate(rows.schema)
    )
    budget.spend(size, name)
    parts = min(size // _BATCH_BYTES + 1, max(len(rows), 1))
    step = -(-len(rows) // parts) or 1
    for start in range(0, max(len(rows), 1), step):
        yield rows.slice(start, step)


def _decoded(values: pa.Array, column: str, budget: Budget, name: str) -> int:
    import pyarrow.compute as pc
    import pyarrow.types as pat

    if not pat.is_dictionary(values.type) or not len(values.dictionary):
        return int(values.nbytes)
    lengths = pc.binary_length(values.dictionary)
    longest = pc.max(lengths).as_py() or 0
    if longest > budget.value:
        raise BatchUnreadable(
            f"column {column!r} of {name} holds a text of {longest} bytes, more than source.max_value_bytes "
            f"{budget.value}"
        )
    return int(pc.sum(lengths.take(values.indices)).as_py() or 0) + 4 * len(values)
