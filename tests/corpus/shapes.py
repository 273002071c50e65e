"""Batches whose columns or types are not those of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tests.corpus.case import Case, one_file
from tests.corpus.desk import csv_text, frame, json_text, parquet, table

_LOOK_ALIKE = {"order": "оrder", "note": "nоte", "late": "latе"}
_COLUMNS = tuple(frame().columns)


def cases() -> Iterator[Case]:
    yield from _columns()
    yield from _types()
    case = one_file("csv")
    rows = frame()
    yield case("a column missing", csv_text(rows.drop(columns="amount")), "amount.present", "is missing")
    yield case(
        "a column more", csv_text(rows.assign(extra=1)), "extra_columns", "'extra' is not in the contract"
    )
    yield case("a column twice", _first_line(csv_text(), "country", "amount"), "amount.once", "stands twice")
    yield case("columns in another order", csv_text(rows[list(_COLUMNS[::-1])]), verdict="pass")
    yield case("a name in quotes", _first_line(csv_text(), "order,", '"order",'), verdict="pass")
    yield case(
        "a name with a space",
        _first_line(csv_text(), "amount", " amount"),
        "amount.present",
        "' amount' differs",
    )
    yield case(
        "names in capitals",
        _first_line(csv_text(), "order,placed", "ORDER,PLACED"),
        "'ORDER' differs from it",
    )
    yield case(
        "an unnamed column of row numbers",
        rows.pipe(csv_text).replace("\n", ",\n"),
        "extra_columns",
        "column ''",
    )
    yield case("no header", csv_text().split("\n", 1)[1], "order.present")
    yield case("a title above the header", "Orders of March\n" + csv_text(), "order.present")
    yield case(
        "10,000 columns", ",".join(f"c{n}" for n in range(10_000)), "columns:", "10000 columns", bomb=True
    )
    case = one_file("json")
    yield case(
        "a key missing everywhere", json_text(rows.drop(columns="amount")), "amount.present", "is missing"
    )
    yield case(
        "a key more", json_text(rows.assign(extra=1)), "extra_columns", "'extra' is not in the contract"
    )
    yield case(
        "a key more in one line", json_text().replace("{", '{"x":1,', 1), "extra_columns", "'x' is not"
    )
    yield case("keys in capitals", json_text().replace('"order"', '"Order"'), "'Order' differs from it")
    keys = ",".join(f'"c{n}":1' for n in range(10_000))
    yield case("10,000 keys", "{" + keys + "}", "columns:", "more than source.max_columns", bomb=True)


def _columns() -> Iterator[Case]:
    case, rows = one_file("parquet"), table()
    for name in _COLUMNS:
        without = rows.drop_columns([name])
        yield case(f"{name} is missing", parquet(without), f"{name}.present", f"column {name!r} is missing")
    for name in ("order", "country", "amount", "late"):
        renamed = rows.rename_columns([f"{one}_new" if one == name else one for one in _COLUMNS])
        says = (f"{name}.present", f"column '{name}_new' is not in the contract")
        yield case(f"{name} is renamed", parquet(renamed), *says)
    for name, other in _LOOK_ALIKE.items():
        renamed = rows.rename_columns([other if one == name else one for one in _COLUMNS])
        yield case(f"{name} with a Cyrillic letter", parquet(renamed), f"{name}.present", "extra_columns")
    variants = {"in capitals": "AMOUNT", "with a space": "amount ", "with a zero-width space": "amount\u200b"}
    for variant, other in variants.items():
        renamed = rows.rename_columns([other if one == "amount" else one for one in _COLUMNS])
        yield case(
            f"a name {variant}", parquet(renamed), "amount.present", "differs from it in case or invisible"
        )
    yield case(
        "a column more",
        parquet(rows.append_column("extra", rows["amount"])),
        "'extra' is not in the contract",
    )
    yield case(
        "a column twice", parquet(rows.append_column("amount", rows["amount"])), "amount.once", "stands twice"
    )
    yield case(
        "a column more, which only warns",
        parquet(rows.append_column("extra", rows["amount"])),
        "'extra' is not in the contract",
        verdict="warn",
        contract={"extra_columns": "warn"},
    )
    yield case("columns in another order", parquet(rows.select(_COLUMNS[::-1])), verdict="pass")
    yield case(
        "a name that is SQL",
        parquet(rows.append_column('x"; DROP TABLE y; --', rows["amount"])),
        "DROP TABLE",
    )
    yield case(
        "a name that is a path",
        parquet(rows.append_column("../../etc/passwd", rows["amount"])),
        "'../../etc/",
    )
    yield case(
        "a name of 5,000 signs", parquet(rows.append_column("x" * 5000, rows["amount"])), "extra_columns"
    )


def _types() -> Iterator[Case]:
    case, rows = one_file("parquet"), table()
    changed: dict[str, tuple[str, Callable[[pa.ChunkedArray], pa.ChunkedArray], str]] = {
        "integers as text": ("order", lambda values: values.cast(pa.string()), "string"),
        "integers as numbers": ("order", lambda values: values.cast(pa.float64()), "double"),
        "integers as decimals": ("order", lambda values: values.cast(pa.decimal128(20, 0)), "decimal128"),
        "numbers as text": ("amount", lambda values: values.cast(pa.string()), "string"),
        "numbers as truth values": ("amount", lambda values: pc.greater(values, 50), "bool"),
        "numbers as lists": ("amount", lambda values: pa.chunked_array([[[1.0]] * len(values)]), "list"),
        "numbers as structs": (
            "amount",
            lambda values: pa.chunked_array([[{"x": 1.0}] * len(values)]),
            "struct",
        ),
        "text as integers": ("country", lambda values: pa.chunked_array([[1] * len(values)]), "int64"),
        "text as bytes": ("country", lambda values: values.cast(pa.binary()), "binary"),
        "truth values as integers": ("express", lambda values: values.cast(pa.int8()), "int8"),
        "truth values as text": ("express", lambda values: values.cast(pa.string()), "string"),
        "times without a zone": (
            "placed",
            lambda values: values.cast(pa.timestamp("us"), safe=False),
            "timestamp",
        ),
        "times as seconds": ("placed", lambda values: values.cast(pa.int64()), "int64"),
        "times as dates": ("placed", lambda values: values.cast(pa.date32(), safe=False), "date32"),
        "integers as durations": ("order", lambda values: values.cast(pa.duration("s")), "duration"),
    }
    for name, (column, change, kind) in changed.items():
        place = _COLUMNS.index(column)
        bad = rows.set_column(place, column, change(rows[column]))
        yield case(name, parquet(bad), f"{column}.type", f"has type {kind}", "the contract says")
    wide = rows.set_column(
        0, "order", pa.chunked_array([[2**64 - 1 - n for n in range(len(rows))]], pa.uint64())
    )
    yield case("integers of 65 bits", parquet(wide), "order.type", "not an integer of 64 bits", "row 1:")
    null = rows.set_column(2, "country", pa.nulls(len(rows)))
    yield case("a column without a type", parquet(null), "country.null_share", "100.0%")


def _first_line(text: str, old: str, new: str) -> str:
    head, rest = text.split("\n", 1)
    return f"{head.replace(old, new, 1)}\n{rest}"
