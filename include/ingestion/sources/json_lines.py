"""JSON Lines: one object a line, each value of the contract's type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from include.errors import BatchUnreadable
from include.ingestion.sources.conversion import Conversion, check_columns
from include.ingestion.sources.objects import object_batch
from include.ingestion.sources.text_lines import Budget, lines
from include.use_case_sections import JsonLinesFiles

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 10_000


def read_json_lines(
    path: Path, source: JsonLinesFiles, conversion: Conversion, budget: Budget, *, max_columns: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file; nothing more once a line has other columns than the contract.

    A key that a line leaves out is null; a key that no line has is a missing column.

    Raises:
        BatchUnreadable: a line is no JSON object; the message names it.
    """
    doubts = conversion.doubts
    doubts.unit = "line"
    numbered = lines(
        path, encoding=source.encoding, compression=source.compression, budget=budget, doubts=doubts
    )
    parsed = ((number, _parsed(line, number, doubts.source)) for number, line in numbered if line.strip())
    seen: dict[str, None] = {}
    held: list[pa.RecordBatch] = []
    declared = conversion.contract.columns
    while chunk := list(islice(parsed, _ROWS)):
        for _, row in chunk:
            seen.update(dict.fromkeys(row))
            if len(seen) > max_columns:
                check_columns(list(seen), doubts, max_columns=max_columns)
                return
        places = [number for number, _ in chunk]
        columns = {name: [row.get(name) for _, row in chunk] for name in declared}
        held.append(object_batch(columns, places, source, conversion))
        # A key may be left out of many lines, so a missing column is known only at the end.
        if set(declared) <= set(seen):
            yield from held
            held.clear()
    if check_columns(list(seen), doubts, max_columns=max_columns):
        yield from held


def _parsed(line: str, number: int, name: str) -> dict[str, Any]:
    try:
        row = json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BatchUnreadable(f"line {number} of {name} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise BatchUnreadable(f"line {number} of {name} is no JSON object but {type(row).__name__}")
    return row


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return row


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
