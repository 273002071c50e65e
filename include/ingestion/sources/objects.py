"""Rows as Python objects (of JSON, of a database, of a function): each value must be of its column's type."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from include.ingestion.sources import times
from include.ingestion.sources.conversion import Conversion, arrow_type
from include.use_case_sections import SqlQuery, TableSource

if TYPE_CHECKING:
    import pyarrow as pa

_NOTHING = type(None)
# Exactly these types: a truth value is an integer to Python, and to no contract.
_FITTING: dict[str, set[type]] = {
    "integer": {int},
    "number": {int, float, Decimal},
    "string": {str},
    "boolean": {bool},
    "timestamp": {str, datetime},
}
_WORDS = {
    "integer": "no integer",
    "number": "no number",
    "string": "no text",
    "boolean": "no truth value",
    "timestamp": "no time",
}


def object_batch(
    columns: Mapping[str, Sequence[Any]], places: Sequence[int], source: TableSource, conversion: Conversion
) -> pa.RecordBatch:
    """Convert columns of Python objects to the contract's types; values of another type become null."""
    import pyarrow as pa

    declared = conversion.contract.columns
    arrays = [_array(name, columns[name], places, source, conversion) for name in declared]
    return pa.RecordBatch.from_arrays(arrays, names=list(declared))


def _array(
    name: str,
    values: Sequence[Any],
    places: Sequence[int],
    source: TableSource,
    conversion: Conversion,
) -> pa.Array:
    import pyarrow as pa

    column = conversion.contract.columns[name]
    if isinstance(source, SqlQuery) and column.type == "boolean":
        # Databases without truth values (SQLite, MySQL) have 0 and 1 for them.
        values = [bool(value) if type(value) is int and value in {0, 1} else value for value in values]
    fitting = _FITTING[column.type] | {_NOTHING}
    if not set(map(type, values)) <= fitting:
        wrong = [position for position, value in enumerate(values) if type(value) not in fitting]
        conversion.doubts.column_values(name, f"are {_WORDS[column.type]}", values, wrong, places)
        values = [value if type(value) in fitting else None for value in values]
    if column.type in {"string", "timestamp"}:
        values = _encodable(name, values, places, conversion)
    if column.type == "timestamp":
        return _times(name, values, places, source, conversion)
    if column.type == "number":
        values = [None if value is None else _float(value) for value in values]
    if column.type == "integer":
        wrong = [at for at, value in enumerate(values) if value is not None and not -(2**63) <= value < 2**63]
        conversion.doubts.column_values(name, "have more than 64 bits", values, wrong, places)
        values = [None if at in set(wrong) else value for at, value in enumerate(values)] if wrong else values
    return conversion.array(name, column, pa.array(values, arrow_type(column.type)), places)


def _encodable(
    name: str, values: Sequence[Any], places: Sequence[int], conversion: Conversion
) -> Sequence[Any]:
    wrong = [at for at, value in enumerate(values) if isinstance(value, str) and not _has_bytes(value)]
    if not wrong:
        return values
    conversion.doubts.column_values(name, "hold half a character", values, wrong, places)
    return [None if at in set(wrong) else value for at, value in enumerate(values)]


def _has_bytes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # one half of a pair of surrogates
        return False
    return True


def _float(value: float | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _times(
    name: str, values: Sequence[Any], places: Sequence[int], source: TableSource, conversion: Conversion
) -> pa.Array:
    import pyarrow as pa

    form = getattr(source, "timestamp_format", "iso8601")
    zone = getattr(source, "timestamp_timezone", None)
    # A moment is spelled and read like every other text, so that there is one rule for zones.
    texts = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    moments = any(isinstance(value, datetime) for value in values)
    array = pa.array(texts, pa.string())
    found = times.moments(array, form="iso8601" if moments else form, zone=zone)
    conversion.without_value(name, f"are not {times.wanted(form, zone)}", array, found, places)
    return found
