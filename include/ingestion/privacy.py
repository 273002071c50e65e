"""Declared personal data: changed before anything is written, so that no store ever holds it in clear."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.errors import ConfigurationError
from include.use_case_sections import Contract, Drop, Generalise, Hash, Mask

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import SecretStr

_MIN_KEY = 32
_HASH_SIGNS = 32
_KEY_NAME = b"airlock: name of the key"
_PERIODS = ("year", "month", "day", "hour")


def masked_columns(contract: Contract) -> dict[str, str]:
    """Return the method of each column that declares personal data."""
    return {name: column.pii.method for name, column in contract.columns.items() if column.pii is not None}


def told_of_masking(contract: Contract, key: SecretStr) -> dict[str, str]:
    """Return what a decision records: the method of each column, and of a hash also which key it is under."""
    return {
        name: f"hash under key {_name_of_key(key)}" if method == "hash" else method
        for name, method in masked_columns(contract).items()
    }


def _name_of_key(key: SecretStr) -> str:
    """Return what tells one key from another without giving it away."""
    return hmac.digest(key.get_secret_value().encode(), _KEY_NAME, "sha256").hex()[:8]


class Masking:
    """Changes the columns of a contract that declare personal data.

    Args:
        contract: says which columns, and how.
        key: of the keyed hash.

    Raises:
        ConfigurationError: a column is hashed and the key is missing or short.
    """

    def __init__(self, contract: Contract, key: SecretStr) -> None:
        self._contract = contract
        self._key = key.get_secret_value().encode()
        hashed = [name for name, method in masked_columns(contract).items() if method == "hash"]
        if hashed and len(self._key) < _MIN_KEY:
            raise ConfigurationError(
                f"Columns {hashed} are hashed and AIRLOCK_PRIVACY_KEY has {len(self._key)} bytes; set a "
                f"secret of at least {_MIN_KEY}, for example from `openssl rand -hex 32`, and never change it"
            )

    def __call__(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows as they may be written."""
        import pyarrow as pa

        arrays, names = [], []
        for name, values in zip(rows.schema.names, rows.columns, strict=True):
            pii = self._contract.columns[name].pii
            if isinstance(pii, Drop):
                continue
            names.append(name)
            arrays.append(values if pii is None else self._changed(values, pii))
        return pa.RecordBatch.from_arrays(arrays, names=names)

    def _changed(self, values: pa.Array, pii: Mask | Hash | Generalise) -> pa.Array:
        import pyarrow as pa

        if isinstance(pii, Generalise):
            return _generalised(values, pii)
        change = self._hashed if isinstance(pii, Hash) else (lambda value: _masked(value, pii.show_last))
        coded = values.dictionary_encode()
        changed = [change(_spelled(value)) for value in coded.dictionary.to_pylist()]
        return pa.array(changed, pa.string()).take(coded.indices)

    def _hashed(self, value: str) -> str:
        """RFC 2104, cut to 128 bits; the same value has the same hash in every table, so tables join."""
        return hmac.digest(self._key, value.encode("utf-8", "surrogatepass"), "sha256").hex()[:_HASH_SIGNS]


def _spelled(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)


def _masked(value: str, show_last: int) -> str:
    # Of a short value the last signs would be nearly all of it.
    return "***" + (value[-show_last:] if 0 < 2 * show_last <= len(value) else "")


def _generalised(values: pa.Array, pii: Generalise) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pat

    if pii.keep is not None:
        return pc.utf8_slice_codeunits(values, 0, pii.keep)
    if pii.step is not None:
        step = pii.step
        if pat.is_integer(values.type):
            lower: Callable[[int], int] = lambda value: int(math.floor(value / step) * step)  # noqa: E731
            return pa.array(
                [None if value is None else lower(value) for value in values.to_pylist()], pa.int64()
            )
        return pc.multiply(pc.floor(pc.divide(values, step)), step)
    if pat.is_timestamp(values.type):
        return pc.floor_temporal(values, unit=pii.to)
    return _shortened(values, str(pii.to))


def _shortened(texts: pa.Array, period: str) -> pa.Array:
    """Set what is finer than a period in an ISO 8601 text to its start; the offset stays."""
    import pyarrow.compute as pc

    starts = ["01", "01", "00"][_PERIODS.index(period) :]
    kept = r"^(\d{4}" + "".join([r"-\d{2}", r"-\d{2}", r"[T ]\d{2}"][: _PERIODS.index(period)]) + ")"
    rest = r"[^Z+]*?(Z|[+-]\d{2}:?\d{2})$"
    separators = ["-", "-", "T"][_PERIODS.index(period) :]
    start = "".join(sep + text for sep, text in zip(separators, starts, strict=True)) + ":00:00"
    return pc.replace_substring_regex(texts, kept + rest, r"\1" + start + r"\2")
