"""CSV: Python's strict reader for the structure, the contract for the values."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import BatchUnreadable
from include.ingestion.sources import times
from include.ingestion.sources.conversion import Conversion, check_columns, convert_texts
from include.ingestion.sources.text_lines import Budget, lines
from include.use_case_sections import CsvFiles

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 20_000


def read_csv(
    path: Path, source: CsvFiles, conversion: Conversion, budget: Budget, *, max_columns: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file; nothing when its columns are not those of the contract.

    Raises:
        BatchUnreadable: it is no CSV as declared; the message names the line.
    """
    doubts = conversion.doubts
    doubts.unit = "line"
    csv.field_size_limit(budget.value)
    numbered = lines(
        path, encoding=source.encoding, compression=source.compression, budget=budget, doubts=doubts
    )
    reader = csv.reader(
        (line for _, line in numbered),
        delimiter=source.delimiter,
        quotechar=source.quote,
        escapechar=source.escape,
        doublequote=source.escape is None,
        strict=True,
    )
    rows = _rows(reader, doubts.source)
    names = next(rows, (1, []))[1] if source.header else list(conversion.contract.columns)
    if not names:
        raise BatchUnreadable(f"{doubts.source} holds no line, not even a header")
    if not check_columns(names, doubts, max_columns=max_columns):
        return
    while chunk := list(islice(rows, _ROWS)):
        yield _batch(_of_width(chunk, len(names), doubts.source), names, source, conversion)


def _rows(reader: csv._reader, name: str) -> Iterator[tuple[int, list[str]]]:  # type: ignore[name-defined]
    while True:
        started = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BatchUnreadable(f"{name} is no CSV as declared in line {started}: {error}") from error
        if row:
            yield started, row


def _of_width(chunk: list[tuple[int, list[str]]], width: int, name: str) -> list[tuple[int, list[str]]]:
    for number, row in chunk:
        if len(row) != width:
            raise BatchUnreadable(
                f"{name} has {len(row)} values in line {number} where {width} are named; look for a "
                "delimiter that is not quoted"
            )
    return chunk


def _batch(
    chunk: list[tuple[int, list[str]]], names: list[str], source: CsvFiles, conversion: Conversion
) -> pa.RecordBatch:
    import pyarrow as pa

    places = [number for number, _ in chunk]
    values = list(zip(*(row for _, row in chunk), strict=True))
    arrays = [
        _column(name, pa.array(values[names.index(name)], pa.string()), places, source, conversion)
        for name in conversion.contract.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=list(conversion.contract.columns))


def _column(
    name: str, texts: pa.Array, places: list[int], source: CsvFiles, conversion: Conversion
) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = conversion.contract.columns[name]
    nothing = pa.scalar(None, pa.string())
    texts = pc.if_else(pc.is_in(texts, pa.array(source.null_values, pa.string())), nothing, texts)
    if column.type == "string":
        return texts
    if column.type == "timestamp":
        found = times.moments(texts, form=source.timestamp_format, zone=source.timestamp_timezone)
        said = f"are not {times.wanted(source.timestamp_format, source.timestamp_timezone)}"
        conversion.without_value(name, said, texts, found, places)
        return found
    if column.type == "boolean":
        yes, no = (
            pc.is_in(texts, pa.array(known, pa.string()))
            for known in (source.true_values, source.false_values)
        )
        found = pc.if_else(pc.or_(yes, no), yes, pa.scalar(None, pa.bool_()))
        known = ", ".join([*source.true_values, *source.false_values])
        conversion.without_value(name, f"are none of {known}", texts, found, places)
        return found
    return convert_texts(conversion, name, texts, places, decimal=source.decimal)
