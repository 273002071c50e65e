"""Rows as text and back: how a row is kept whole while it is set aside."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from include.errors import ArtefactCorrupted

if TYPE_CHECKING:
    import pyarrow as pa

_NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def encode_rows(batch: pa.RecordBatch) -> list[str]:
    """Write each row as JSON from which `decode_rows` makes the same row again, to the last digit.

    Times are ISO 8601 text; what JSON has no number for is written as `NaN`, `Infinity` and `-Infinity` in
    quotes.
    """
    import pyarrow as pa

    columns: list[list[Any]] = []
    for column in batch.columns:
        values = column.cast(pa.string()) if _needs_text(column.type) else column
        plain = values.to_pylist()
        if pa.types.is_floating(column.type):
            plain = [_number(value) for value in plain]
        columns.append(plain)
    names = batch.schema.names
    return [
        json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False)
        for row in zip(*columns, strict=True)
    ]


def _needs_text(type_: pa.DataType) -> bool:
    import pyarrow.types as pat

    return bool(pat.is_temporal(type_) or pat.is_decimal(type_))


def _number(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return _NOT_FINITE.get(value, "NaN")


def decode_rows(rows: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Return the rows that were written as JSON, in the columns and types of a schema.

    A column that a row does not have is null: the table got it later.

    Raises:
        ArtefactCorrupted: a text is no such row, or a value does not fit its column any more.
    """
    import pyarrow as pa

    try:
        content = [json.loads(text) for text in rows]
        return pa.table(
            {field.name: _column([row.get(field.name) for row in content], field.type) for field in schema},
            schema=schema,
        )
    except (ValueError, TypeError, AttributeError, pa.ArrowException) as error:
        raise ArtefactCorrupted(
            f"A row of the quarantine does not fit its table any more: {error}. Take it from its raw file, "
            "or discard it"
        ) from error


def _column(values: list[Any], type_: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_floating(type_):
        return pa.array([None if value is None else float(value) for value in values], type_)
    if _needs_text(type_):
        return pa.array(values, pa.string()).cast(type_)
    return pa.array(values, type_)
