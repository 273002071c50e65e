"""The columns of a request, checked and typed as ingestion types those of a batch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.errors import RequestRefused
from include.features.inputs import never_null
from include.use_case_sections import Contract
from include.use_case_sections.contract import Column

if TYPE_CHECKING:
    import numpy as np

_PLAIN_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ](?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)", re.ASCII
)
_INT64 = range(-(2**63), 2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 60


class Inputs:
    """Reads requests.

    Args:
        contract: of what is kept: a request carries personal data as ingestion leaves them.
        needed: columns that must be there.
    """

    def __init__(self, contract: Contract, needed: Collection[str]) -> None:
        self._needed = {name: contract.columns[name] for name in contract.columns if name in needed}
        self._declared = frozenset(contract.columns)
        self._nullable = frozenset(name for name in self._needed if not never_null(contract, name))
        self._checks = {
            name: _CHECKS[
                "integer_or_null" if name in self._nullable and column.type == "integer" else column.type
            ]
            for name, column in self._needed.items()
        }

    def read(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the needed columns: int, float, str, bool, aware datetime or ISO 8601 text, or None.

        An integer that may be null is a float, as it is in a batch.

        Raises:
            RequestRefused: columns are missing, unknown to the contract, of another type, or null where it
                allows none; all mistakes are named.
        """
        if not request.keys() <= self._declared or not self._needed.keys() <= request.keys():
            self._refuse_names(request)
        found: dict[str, Any] = {}
        wrong: list[str] = []
        for name, check in self._checks.items():
            value = request[name]
            if value is None or (value.__class__ is float and math.isnan(value)):
                if name not in self._nullable:
                    wrong.append(f"{name} is null, which the contract does not allow")
                found[name] = None
                continue
            found[name] = checked = check(value)
            if checked is None:
                wrong.append(f"{name} is {_shown(value)} and not {_WORDS[self._needed[name].type]}")
        if wrong:
            raise RequestRefused(f"The request does not fit the contract: {'; '.join(wrong)}")
        return found

    def _refuse_names(self, request: Mapping[str, Any]) -> None:
        missing = [name for name in self._needed if name not in request]
        unknown = sorted(_shown(name) for name in request if name not in self._declared)
        said = [f"is missing {', '.join(missing)}"] if missing else []
        said += [f"has {', '.join(unknown)}, which the contract does not declare"] if unknown else []
        raise RequestRefused(f"The request {' and '.join(said)}; features read {', '.join(self._needed)}")


def array_of(contract: Contract, name: str) -> Array:
    """Return what makes an array of one value, of the type that the column has in a batch.

    It is given the value, and whether batches hold the column's times as text.
    """
    column = contract.columns[name]
    if column.type == "timestamp":
        return lambda value, as_text: _text(value) if as_text else _moment(value)
    plain = _plain_array(column, null=not never_null(contract, name))
    return lambda value, _: plain(value)


def microseconds(value: str | datetime) -> int | None:
    """Return a moment as microseconds since 1970 in UTC, or None when it cannot be read or has no offset.

    >>> microseconds("2013-01-01T00:00:00-05:00")
    1357016400000000
    """
    if isinstance(value, str):
        if not _PLAIN_TIME.fullmatch(value):
            return _unusual(value)
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if value.tzinfo is None:
        return None
    passed = value - _EPOCH
    return (passed.days * 86400 + passed.seconds) * 1_000_000 + passed.microseconds


def _unusual(text: str) -> int | None:
    """Read spellings that are seldom met, such as nanoseconds, as the batch build does."""
    import pandas as pd

    found = pd.to_datetime(pd.Series([text]), format="ISO8601", errors="coerce")
    # Without an offset the times have no zone, and nobody knows which moment is meant.
    if found.isna().any() or getattr(found.dtype, "tz", None) is None:
        return None
    return int(found.astype("datetime64[us, UTC]").astype("int64").iloc[0])


Array = Callable[[Any, bool], Any]


def _plain_array(column: Column, *, null: bool) -> Callable[[Any], Any]:
    if column.type == "string" or (column.type == "boolean" and null):
        return _text
    if column.type == "boolean":
        return _boolean
    return _number if null or column.type == "number" else _integer


def _integer(value: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.array([value], dtype="int64")


def _number(value: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.array([math.nan if value is None else value], dtype="float64")


def _text(value: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    found = np.empty(1, dtype=object)
    found[0] = value
    return found


def _boolean(value: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.array([value], dtype="bool")


def _moment(value: Any) -> Any:
    import pandas as pd

    at = None if value is None else microseconds(value)
    return pd.to_datetime(pd.Series([at]), unit="us", utc=True).astype("datetime64[us, UTC]").array


def _check_integer(value: Any) -> int | None:
    return value if type(value) is int and value in _INT64 else None


def _check_integer_or_null(value: Any) -> float | None:
    return None if _check_integer(value) is None else float(value)


def _check_number(value: Any) -> float | None:
    if type(value) is int:
        return float(value) if value in _INT64 else None
    return value if type(value) is float else None


def _check_time(value: Any) -> str | datetime | None:
    if not isinstance(value, str | datetime):
        return None
    return None if microseconds(value) is None else value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "integer": _check_integer,
    "integer_or_null": _check_integer_or_null,
    "number": _check_number,
    "string": lambda value: value if isinstance(value, str) else None,
    "boolean": lambda value: value if isinstance(value, bool) else None,
    "timestamp": _check_time,
}
_WORDS = {
    "integer": "an integer of 64 bits",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "timestamp": "an ISO 8601 time with its offset",
}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
