"""Canonical JSON and the hashes that name configuration, data and decisions."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_HALF = 32  # bits of a date, and of a time of the day in seconds


def _plain(value: Any) -> Any:
    if isinstance(value, pydantic.BaseModel):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def canonical_json(value: Any) -> str:
    """One spelling for one value: sorted keys, no spaces, NaN and infinities as null."""
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, 64 hex digits."""
    return digest_bytes(canonical_json(value).encode())


def digest_bytes(content: bytes) -> str:
    """SHA-256 of bytes, 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_rows(rows: pd.DataFrame, *, salt: str = "") -> str:
    """SHA-256 over column names, types and values, in the order of the rows."""
    import pandas as pd

    found = hashlib.sha256(salt.encode())
    for name in sorted(map(str, rows.columns)):
        found.update(f"{name}:{rows[name].dtype};".encode())
        found.update(pd.util.hash_pandas_object(rows[name], index=False).to_numpy().tobytes())
    return found.hexdigest()


def hash_slices(rows: pd.DataFrame, slices: Mapping[str, slice], salts: Mapping[str, str]) -> dict[str, str]:
    """Hash parts of a frame, each as `hash_rows` would hash it alone, in one pass over the columns."""
    import pandas as pd

    found = {name: hashlib.sha256(salts[name].encode()) for name in slices}
    for name in sorted(map(str, rows.columns)):
        column = rows[name]
        title = f"{name}:{column.dtype};".encode()
        # Objects that are not all text are hashed as they are or by their text, as their neighbours allow.
        # Dates without a gap are hashed by their text, whatever stands beside them.
        kind = pd.api.types.infer_dtype(column, skipna=False) if column.dtype == object else ""
        apart = kind not in {"", "string", "date"} and pd.api.types.infer_dtype(column) != "string"
        hashes = None if apart else pd.util.hash_pandas_object(column, index=False).to_numpy()
        for part, place in slices.items():
            if hashes is None:
                values = pd.util.hash_pandas_object(column.iloc[place], index=False).to_numpy()
            else:
                values = hashes[place]
            found[part].update(title)
            found[part].update(values.tobytes())
    return {name: one.hexdigest() for name, one in found.items()}


def hash_batches(batches: Iterable[pa.RecordBatch], *, salt: str = "") -> tuple[int, str]:
    """Count rows and hash them as `hash_rows` does, without holding more than one batch.

    Where one batch ends and the next begins does not matter. The two functions give different hashes.
    """
    parts: dict[tuple[str, int], Any] = {}
    types: dict[str, str] = {}
    count = 0
    for batch in batches:
        count += batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            types[name] = str(column.type)
            for number, content in enumerate(_contents(column)):
                parts.setdefault((name, number), hashlib.sha256()).update(content)
    found = hashlib.sha256(salt.encode())
    for (name, number), part in sorted(parts.items()):
        found.update(f"{name}:{types[name]}:{number};".encode())
        found.update(part.digest())
    return count, found.hexdigest()


def _contents(column: pa.Array) -> Iterator[bytes | memoryview]:
    """Yield the values of a column as bytes that can be strung together over batches."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pat

    kind = column.type
    yield column.is_valid().cast(pa.uint8()).to_numpy(zero_copy_only=False).data
    if pat.is_null(kind):
        return
    if pat.is_string(kind) or pat.is_large_string(kind) or pat.is_binary(kind):
        filled = column.cast(pa.large_binary()).fill_null(b"")
        yield pc.binary_length(filled).to_numpy(zero_copy_only=False).data
        _, offsets, content = filled.buffers()
        ends = memoryview(offsets).cast("q")[filled.offset : filled.offset + len(filled) + 1]
        yield memoryview(content)[ends[0] : ends[-1]] if content is not None and len(filled) else b""
    elif pat.is_boolean(kind):
        yield column.cast(pa.uint8()).fill_null(0).to_numpy(zero_copy_only=False).data
    elif pat.is_temporal(kind):
        plain = pa.int32() if kind.bit_width == _HALF else pa.int64()
        yield column.view(plain).fill_null(0).to_numpy(zero_copy_only=False).data
    elif pat.is_primitive(kind):
        yield column.fill_null(0).to_numpy(zero_copy_only=False).data
    else:
        yield "".join(f"{value!r};" for value in column.to_pylist()).encode()
