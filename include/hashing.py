"""Canonical JSON and the hashes that name configuration, data and decisions."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic

if TYPE_CHECKING:
    import pandas as pd


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
