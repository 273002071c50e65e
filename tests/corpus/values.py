"""Batches whose shape is right and whose values are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.corpus.case import Case, one_file
from tests.corpus.desk import DAY, EARLIER, ROWS, frame, parquet, table, use_case


def changed(column: str, value: Any, rows: int | slice = 1) -> pd.DataFrame:
    """Return a good batch with a value of a column replaced in its first rows."""
    found = frame()
    chosen = found.index[: rows if isinstance(rows, int) else rows.stop]
    found[column] = found[column].astype(object)
    found.loc[chosen, column] = value
    return found


def cases() -> Iterator[Case]:
    yield from _nulls_and_numbers()
    yield from _texts()
    yield from _times()
    yield from _rows()
    yield from _personal()


def _numbers(column: str, value: float, kind: pa.DataType, rows: int = 1) -> bytes:
    found = changed(column, value, rows)
    place = list(found.columns).index(column)
    good = table(frame())
    return parquet(good.set_column(place, column, pa.array(found[column].tolist(), kind)))


def _nulls_and_numbers() -> Iterator[Case]:
    case = one_file("parquet")
    for name in ("order", "placed", "country", "amount", "express"):
        place = table().column_names.index(name)
        kind = table().schema.field(name).type
        values = [None, *table()[name].to_pylist()[1:]]
        one = table().set_column(place, name, pa.array(values, kind))
        yield case(f"one null in {name}", parquet(one), f"{name}.null_share", f"1 of {ROWS}")
    yield case(
        "only nulls in amount", _numbers("amount", None, pa.float64(), ROWS), "amount.null_share", "100.0%"
    )
    yield case("one NaN", _numbers("amount", np.nan, pa.float64()), "amount.null_share", f"1 of {ROWS}")
    numbers = {
        "infinity": np.inf,
        "minus infinity": -np.inf,
        "a negative amount": -0.01,
        "one cent too much": 1000.01,
        "the largest number": 1.7976931348623157e308,
        "minus 999": -999,
    }
    for name, value in numbers.items():
        yield case(name, _numbers("amount", value, pa.float64()), "amount.range", f"1 of {ROWS}")
    integers = {
        "zero": 0,
        "the smallest integer": -(2**63),
        "the largest integer": 2**63 - 1,
        "minus one": -1,
    }
    for name, value in integers.items():
        yield case(f"{name} as order", _numbers("order", value, pa.int64()), "order.range", f"1 of {ROWS}")
    cents = frame().assign(amount=lambda rows: rows["amount"] * 100)
    yield case("cents instead of euros", parquet(cents), "amount.range")
    yield case(
        "all amounts negative", parquet(frame().assign(amount=lambda rows: -rows["amount"])), "amount.range"
    )
    zeros = frame().assign(amount=lambda rows: np.where(rows.index < 9, -0.0, rows["amount"]))
    yield case("minus zero", parquet(zeros), verdict="pass")


def _texts() -> Iterator[Case]:
    case = one_file("parquet")
    texts = {
        "an unknown country": "XX",
        "a country in small letters": "de",
        "a country with a space": "DE ",
        "a country with a no-break space": "DE\u00a0",
        "a country with a zero-width joiner": "D\u200dE",
        "a country with a Cyrillic letter": "DЕ",
        "a country in full-width letters": "ＤＥ",
        "a country written right to left": "\u202eED",
        "an empty country": "",
        "the word null": "null",
        "a formula": "=HYPERLINK(1)",
        "SQL": "'; DROP TABLE orders; --",
        "a path": "../../etc/passwd",
        "a flag": "🇩🇪",
        "10,000 signs": "D" * 10_000,
    }
    for name, value in texts.items():
        yield case(name, parquet(changed("country", value)), "country.categories", f"1 of {ROWS}")
    yield case(
        "a country with a NUL",
        parquet(changed("country", "DE\0")),
        "country.type",
        "hold a NUL byte",
        "row 1",
    )
    yield case("a note with a NUL", parquet(changed("note", "x\0y")), "note.type", "hold a NUL byte")
    yield case(
        "a note of 200,000 signs", parquet(changed("note", "x" * 200_000)), "file:", "source.max_value_bytes"
    )
    yield case("too few notes", parquet(changed("note", None, 118)), "note.null_share", verdict="warn")


def _times() -> Iterator[Case]:
    case = one_file("parquet")
    moments = {
        "an hour of the day before": "2024-03-04T23:00:00+01:00",
        "an hour of the day after": "2024-03-06T00:00:00+01:00",
        "the same day a year ago": "2023-03-05T12:00:00+01:00",
        "the year 2": "0002-01-01T00:00:00+00:00",
        "the year 9999": "9999-12-30T00:00:00+00:00",
        "the epoch": "1970-01-01T00:00:00+00:00",
    }
    for name, value in moments.items():
        yield case(name, _time(value), "event_date", f"1 of {ROWS}")
    for name, hours in {"an hour ahead, as with a wrong zone": 9, "half a day back": -12}.items():
        moved = frame().assign(placed=lambda rows, hours=hours: rows["placed"] + pd.Timedelta(hours=hours))
        yield case(name, parquet(moved), "event_date")
    for name, value in {"first": "0001-01-01T00:00:00+00:00", "last": "9999-12-31T23:59:59+00:00"}.items():
        yield case(f"the {name} day of all", _time(value), "placed.type", "outside the years 1 to 9999")
    texts = {
        "text without an offset": "2024-03-05 10:00:00",
        "text of the year 0": "0000-01-01T00:00:00Z",
        "text of a 13th month": "2024-13-05T10:00:00Z",
        "text of 30 February": "2024-02-30T10:00:00Z",
        "text of the 25th hour": "2024-03-05T25:00:00Z",
        "text of a date alone": "2024-03-05",
        "text in American form": "03/05/2024 10:00",
        "an empty text": "",
        "text with a zone's name": "2024-03-05T10:00:00 Europe/Berlin",
        "text in full-width digits": "２０２４-03-05T10:00:00Z",
    }
    for name, value in texts.items():
        written = frame().assign(placed=lambda rows: [time.isoformat() for time in rows["placed"]])
        written.loc[0, "placed"] = value
        says = ("placed.type", "not an ISO 8601 time with its offset", f"row 1: {value!r}")
        yield case(f"a time as {name}", parquet(written), *says)


def _time(value: str) -> bytes:
    from datetime import datetime

    times = [datetime.fromisoformat(value), *table()["placed"].to_pylist()[1:]]
    return parquet(table().set_column(1, "placed", pa.array(times, pa.timestamp("us", "UTC"))))


def _rows() -> Iterator[Case]:
    case, good = one_file("parquet"), frame()
    yield case("no rows", parquet(table().slice(0, 0)), "row_count", "found 0")
    yield case("one row", parquet(good[:1]), "row_count", "found 1")
    yield case("nineteen rows", parquet(good[:19]), "row_count", "found 19, allowed 20 to 1000")
    yield case("too many rows", parquet(frame(rows=1001)), "row_count", "found 1001")
    yield case(
        "a third of the usual rows", parquet(good[: ROWS // 3]), "volume", f"{ROWS // 3} rows where {ROWS}"
    )
    yield case(
        "three times the usual rows", parquet(frame(rows=3 * ROWS)), "volume", f"{3 * ROWS} rows where {ROWS}"
    )
    yield case("every row twice", parquet(pd.concat([good, good])), "unique", "broken by 240")
    yield case("one row twice", parquet(pd.concat([good, good[:1]])), "unique", "broken by 2")
    again = pd.concat([good, good[:1].assign(amount=1.0)])
    yield case("one key twice with another amount", parquet(again), "unique", "broken by 2")
    yield case("last week's rows", parquet(frame(EARLIER[-1])), "event_date", f"{ROWS} of {ROWS}")
    mixed = pd.concat([good[:60], frame(EARLIER[-1])[60:]])
    yield case("half of last week's rows", parquet(mixed), "event_date", f"60 of {ROWS}")
    yield case("rows in another order", parquet(good[::-1]), verdict="pass")
    yield Case("a partition that is no date", "parquet", "error", ("is not a date",), day="2024-03-5")
    yield Case("a partition that is no day", "parquet", "error", ("is not a date",), day="2023-02-29")
    yield Case("a partition that is a path", "parquet", "error", ("is not a date",), day="../../2024-03-05")
    yield Case("a partition with a NUL", "parquet", "error", ("is not a date",), day="2024-03-05\0")


def _personal() -> Iterator[Case]:
    case = one_file("parquet")
    numbers = range(40)
    found = {
        "e-mail addresses": ([f"ann.{n}@example.org" for n in numbers], "an e-mail address", "xxx"),
        "card numbers": (["4111 1111 1111 1111", "5500 0000 0000 0004"] * 20, "a card number", "9999"),
        "IBANs": (["DE89 3704 0044 0532 0130 00"] * 40, "an IBAN", "xx99"),
        "phone numbers": (["+49 30 901820", "+1 212-736-3100"] * 20, "a phone number", "+99"),
    }
    for name, (values, says, shape) in found.items():
        noted = frame()
        noted["note"] = noted["note"].astype(object)
        noted.loc[: len(values) - 1, "note"] = values
        yield case(f"undeclared {name}", parquet(noted), "note.personal", says, shape, verdict="warn")
        yield case(
            f"undeclared {name}, which are refused",
            parquet(noted),
            "note.personal",
            "declare `pii` for it",
            privacy={"undeclared": "refuse"},
        )
    hashed = use_case().contract.model_dump()["columns"]
    hashed["country"] = {"type": "string", "pii": {"method": "hash"}}
    wrong = changed("country", "DE\0")
    yield case(
        "a value of personal data that cannot be read",
        parquet(wrong),
        "a value of personal data",
        contract={"columns": hashed},
    )
    yield Case(f"nothing for {DAY}", "parquet", "refuse", ("is missing",))
