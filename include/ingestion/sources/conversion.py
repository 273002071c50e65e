"""From values as a source gives them to columns whose types follow the contract alone.

Files differ by the day: a column of numbers is written as integers on a day without fractions, and without a
type on a day without values. The lake must not see the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from include.ingestion.sources import times
from include.ingestion.sources.doubts import Doubts
from include.use_case_sections import ISO_8601, Column, Contract

if TYPE_CHECKING:
    import pyarrow as pa

_WORDS = {"integer": "an integer of 64 bits", "number": "a finite number", "boolean": "a truth value"}


def arrow_type(declared: str) -> pa.DataType:
    """Return the type in which a column is staged."""
    import pyarrow as pa

    return {
        "integer": pa.int64(),
        "number": pa.float64(),
        "string": pa.string(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("us", "UTC"),
    }[declared]


def check_columns(names: Sequence[str], doubts: Doubts, *, max_columns: int) -> bool:
    """Compare the columns of a source with the contract; tell whether its rows can be read."""
    if len(names) > max_columns:
        doubts.fault(
            "columns",
            f"{doubts.source} has {len(names)} columns, more than source.max_columns {max_columns}",
        )
        return False
    contract, before = doubts.contract, len(doubts.faults)
    for name in contract.columns:
        if name not in names:
            doubts.fault(f"{name}.present", f"column {name!r} is missing{_alike(name, names)}")
    for name in sorted({name for name in names if names.count(name) > 1}):
        doubts.fault(f"{name}.once", f"column {name!r} stands twice")
    if contract.extra_columns != "drop":
        for name in dict.fromkeys(names):
            if name not in contract.columns:
                detail = f"column {name!r} is not in the contract"
                doubts.fault("extra_columns", detail, contract.extra_columns)
    return not any(fault.severity == "refuse" for fault in doubts.faults[before:])


def _alike(name: str, names: Sequence[str]) -> str:
    """Point at a name that a person would take for the same."""
    alike = [other for other in names if other != name and _folded(other) == _folded(name)]
    return f"; {alike[0]!r} differs from it in case or invisible signs only" if alike else ""


def _folded(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def check_types(schema: pa.Schema, doubts: Doubts) -> bool:
    """Compare the types of a source that has types with the contract."""
    fits = True
    for name, column in doubts.contract.columns.items():
        found = schema.field(name).type
        if not _type_fits(found, column.type):
            detail = f"column {name!r} has type {found}, the contract says {column.type}"
            doubts.fault(f"{name}.type", detail)
            fits = False
    return fits


def _type_fits(found: pa.DataType, declared: str) -> bool:
    import pyarrow.types as pat

    def is_text(type_: pa.DataType) -> bool:
        return bool(pat.is_string(type_) or pat.is_large_string(type_))

    fitting: dict[str, Callable[[pa.DataType], bool]] = {
        "integer": pat.is_integer,
        "number": lambda type_: pat.is_floating(type_) or pat.is_integer(type_) or pat.is_decimal(type_),
        "string": lambda type_: is_text(type_) or (pat.is_dictionary(type_) and is_text(type_.value_type)),
        "boolean": pat.is_boolean,
        "timestamp": lambda type_: (pat.is_timestamp(type_) and type_.tz is not None) or is_text(type_),
    }
    # A column without a single value has no type; its null share is judged instead.
    return bool(pat.is_null(found) or fitting[declared](found))


class Conversion:
    """Turns batches of a source that has types into batches of the contract's types.

    Args:
        doubts: where values that do not fit are counted; they become null.
        keep_text_times: leave times that are text as they are, once they can be read.
        form, zone: how times are written where they are text; see `times.moments`.
    """

    def __init__(
        self, doubts: Doubts, *, keep_text_times: bool = False, form: str = ISO_8601, zone: str | None = None
    ) -> None:
        self.doubts = doubts
        self._keep_text_times = keep_text_times
        self._form, self._zone = form, zone

    @property
    def contract(self) -> Contract:
        return self.doubts.contract

    def batch(self, rows: pa.RecordBatch, places: Sequence[int]) -> pa.RecordBatch:
        """Convert the declared columns of a batch, in the contract's order."""
        import pyarrow as pa

        arrays = [
            self.array(name, column, rows.column(rows.schema.get_field_index(name)), places)
            for name, column in self.contract.columns.items()
        ]
        return pa.RecordBatch.from_arrays(arrays, names=list(self.contract.columns))

    def array(self, name: str, column: Column, values: pa.Array, places: Sequence[int]) -> pa.Array:
        """Convert one column."""
        import pyarrow as pa
        import pyarrow.types as pat

        wanted = arrow_type(column.type)
        if pat.is_null(values.type):
            text = self._keep_text_times and column.type == "timestamp"
            return pa.nulls(len(values), pa.string() if text else wanted)
        change = {"timestamp": self._times, "string": self._text}.get(column.type)
        if change is not None:
            return change(name, values, places)
        if column.type == "number":
            return _without_nan(values.cast(wanted, safe=False))
        try:
            return values.cast(wanted)
        except pa.ArrowInvalid:
            return self._cast_each(name, column, values, places)

    def _times(self, name: str, values: pa.Array, places: Sequence[int]) -> pa.Array:
        import pyarrow as pa
        import pyarrow.types as pat

        if not pat.is_timestamp(values.type):
            return self._text_times(name, values.cast(pa.string()), places)
        # Rounding to microseconds is no loss that a rule could see.
        found = times.within_calendar(values.cast(pa.timestamp("us", "UTC"), safe=False))
        self.without_value(name, "are outside the years 1 to 9999", values, found, places)
        return found

    def _text(self, name: str, values: pa.Array, places: Sequence[int]) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = values.cast(pa.string())
        broken = pc.match_substring(texts, "\0")
        if not pc.any(broken, min_count=0).as_py():
            return texts
        found = pc.if_else(broken, pa.scalar(None, pa.string()), texts)
        self.without_value(name, "hold a NUL byte", texts, found, places)
        return found

    def _text_times(self, name: str, texts: pa.Array, places: Sequence[int]) -> pa.Array:
        found = times.moments(texts, form=self._form, zone=self._zone)
        said = f"are not {times.wanted(self._form, self._zone)}"
        self.without_value(name, said, texts, found, places)
        return texts if self._keep_text_times else found

    def _cast_each(self, name: str, column: Column, values: pa.Array, places: Sequence[int]) -> pa.Array:
        import pyarrow as pa

        low, high = -(2**63), 2**63 - 1
        kept = [value if value is None or low <= value <= high else None for value in values.to_pylist()]
        found = pa.array(kept, arrow_type(column.type))
        self.without_value(name, f"are not {_WORDS[column.type]}", values, found, places)
        return found

    def without_value(
        self, name: str, said: str, before: pa.Array, after: pa.Array, places: Sequence[int]
    ) -> None:
        """Count the values that the conversion left without one."""
        import pyarrow.compute as pc

        if after.null_count == before.null_count:
            return
        lost = pc.and_(before.is_valid(), after.is_null())
        wrong = pc.indices_nonzero(lost).to_pylist()
        values = {position: before[position].as_py() for position in wrong[:4]}
        self.doubts.column_values(name, said, _Sparse(values), wrong, places)


class _Sparse(Sequence[object]):
    """Some values of a long column, by position."""

    def __init__(self, values: dict[int, object]) -> None:
        self._values = values

    def __getitem__(self, position: Any) -> Any:
        return self._values[position]

    def __len__(self) -> int:
        return len(self._values)


def _without_nan(values: pa.Array) -> pa.Array:
    """Make NaN null, as it is no value, and minus zero zero, as nobody tells the two apart."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    return pc.add(plain, 0.0)


def convert_texts(
    conversion: Conversion, name: str, texts: pa.Array, places: Sequence[int], *, decimal: str
) -> pa.Array:
    """Read texts as integers or numbers; the caller has made nulls of those that stand for none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = conversion.contract.columns[name]
    if column.type == "integer":
        fits = pc.match_substring_regex(texts, r"^-?[0-9]{1,18}$")
    else:
        point = "." if decimal == "." else ","
        fits = pc.match_substring_regex(
            texts, rf"^[+-]?(?:[0-9]+(?:[{point}][0-9]*)?|[{point}][0-9]+)(?:[eE][+-]?[0-9]{{1,3}})?$"
        )
    plain = pc.if_else(fits, texts, pa.scalar(None, pa.string()))
    if decimal == "," and column.type == "number":
        plain = pc.replace_substring(plain, ",", ".")
    found = plain.cast(arrow_type(column.type))
    if column.type == "number":
        found = pc.if_else(pc.is_finite(found), found, pa.scalar(None, pa.float64()))
        found = _without_nan(found)
    conversion.without_value(name, f"are not {_WORDS[column.type]}", texts, found, places)
    return found
