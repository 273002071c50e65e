"""From bytes to rows: what is not Parquet is said, and types follow the contract, not the day."""

import io
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import BatchUnreadable
from include.ingestion.reading import frame_of, local_dates, read_parquet, shape_faults, typed_table
from include.use_case_sections import Contract

NEW_YORK = "America/New_York"
TABLE = pa.table({"a": [1, 2, 3], "b": ["x", None, "é"]})


def parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


CONTENT = parquet(pa.table({"a": list(range(5000)), "b": [f"text {number}" for number in range(5000)]}))


def contract(extra="refuse", **types):
    columns = {name: {"type": kind} for name, kind in types.items()}
    return Contract.model_validate({"columns": columns, "extra_columns": extra})


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
def test_parquet_is_read(compression):
    assert read_parquet(parquet(TABLE, compression=compression)).equals(TABLE)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
def test_what_was_cut_off_is_unreadable(share):
    cut = CONTENT[: int(len(CONTENT) * share)]
    with pytest.raises(BatchUnreadable, match=rf"^not readable as Parquet \({len(cut)} bytes\): \S[^\n]*$"):
        read_parquet(cut)


@given(st.integers(0, len(CONTENT) - 1))
@settings(deadline=None, max_examples=200)
def test_every_cut_is_unreadable(length):
    with pytest.raises(BatchUnreadable):
        read_parquet(CONTENT[:length])


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda inner: b"PAR1" + inner + b"PAR1"))
@settings(deadline=None, max_examples=200)
def test_garbage_is_unreadable(content):
    with pytest.raises(BatchUnreadable):
        read_parquet(content)


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(0, 255)), min_size=1, max_size=8))
@settings(deadline=None, max_examples=200)
def test_flipped_bytes_are_unreadable_or_rows_but_no_other_error(changes):
    content = bytearray(CONTENT)
    for place, value in changes:
        content[place] = value
    try:
        rows = read_parquet(bytes(content))
    except BatchUnreadable:
        return
    rows.to_pandas()


def test_a_column_may_stand_twice_so_that_it_can_be_named():
    twice = pa.Table.from_arrays([pa.array([1]), pa.array(["x"])], names=["a", "a"])
    assert read_parquet(parquet(twice)).equals(twice)


def test_text_that_is_no_text_is_unreadable():
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], "int32").tobytes()), pa.py_buffer(b"\xff\xfe")]
    )
    with pytest.raises(BatchUnreadable, match="UTF8"):
        read_parquet(parquet(pa.table({"a": broken})))


def fault(rule, detail, severity="refuse"):
    return (rule, detail, severity)


EXTRA = "column 'c' is not in the contract"
SHAPES = {
    "as declared": (["a", "b"], "refuse", []),
    "order does not matter": (["b", "a"], "refuse", []),
    "missing": (["b"], "refuse", [fault("a.present", "column 'a' is missing")]),
    "extra": (["a", "b", "c"], "refuse", [fault("extra_columns", EXTRA)]),
    "extra, warn": (["a", "b", "c"], "warn", [fault("extra_columns", EXTRA, "warn")]),
    "extra, drop": (["a", "b", "c"], "drop", []),
    "twice": (["a", "b", "a"], "refuse", [fault("a.once", "column 'a' stands twice")]),
    "other case": (
        ["A", "b"],
        "refuse",
        [
            fault("a.present", "column 'a' is missing"),
            fault("extra_columns", "column 'A' is not in the contract"),
        ],
    ),
}


@pytest.mark.parametrize(("names", "extra", "expected"), SHAPES.values(), ids=SHAPES)
def test_columns_are_those_of_the_contract(names, extra, expected):
    rows = pa.Table.from_arrays([pa.array([1])] * len(names), names=names)
    found = shape_faults("batch", rows, contract(extra, a="integer", b="number"))
    assert [(one.rule, one.detail, one.severity) for one in found] == expected
    assert {one.table for one in found} <= {"batch"}


INTEGERS = [pa.int64(), pa.int8(), pa.uint32(), pa.null()]
TEXTS = [pa.string(), pa.large_string(), pa.null()]
TYPES = {
    "integer": INTEGERS,
    "number": [*INTEGERS, pa.float64(), pa.float32()],
    "string": [*TEXTS, pa.dictionary(pa.int8(), pa.string())],
    "boolean": [pa.bool_(), pa.null()],
    "timestamp": [*TEXTS, pa.timestamp("us", "UTC"), pa.timestamp("ns", NEW_YORK)],
}
OTHER_TYPES = [
    pa.timestamp("us"),
    pa.date32(),
    pa.binary(),
    pa.decimal128(9, 2),
    pa.list_(pa.int64()),
    pa.dictionary(pa.int8(), pa.int64()),
    pa.duration("s"),
]


@pytest.mark.parametrize("declared", TYPES)
def test_types_that_fit_and_those_that_do_not(declared):
    for kind in (*OTHER_TYPES, *(kind for kinds in TYPES.values() for kind in kinds)):
        rows = pa.table({"a": pa.array([], type=kind)})
        found = shape_faults("batch", rows, contract(a=declared))
        if kind in TYPES[declared]:
            assert found == []
        else:
            detail = f"column 'a' has type {kind}, the contract says {declared}"
            assert [(one.rule, one.detail) for one in found] == [("a.type", detail)]


MOMENT = datetime(2013, 1, 7, 23, 30, tzinfo=ZoneInfo(NEW_YORK))
TYPED = {
    "integers": ("integer", pa.array([1, 2]), [1, 2], "int64"),
    "small integers": ("integer", pa.array([1, 2], pa.int8()), [1, 2], "int64"),
    "large integers with a null": ("integer", pa.array([2**62 + 1, None]), [2**62 + 1, pd.NA], "Int64"),
    "integers, all null": ("integer", pa.nulls(2), [pd.NA, pd.NA], "Int64"),
    "numbers": ("number", pa.array([1.5, None]), [1.5, np.nan], "float64"),
    "numbers without fractions": ("number", pa.array([1, 2]), [1.0, 2.0], "float64"),
    "numbers, all null": ("number", pa.nulls(2), [np.nan, np.nan], "float64"),
    "text": ("string", pa.array(["x", None]), ["x", None], "object"),
    "text as categories": ("string", pa.array(["x", None]).dictionary_encode(), ["x", None], "object"),
    "text, all null": ("string", pa.nulls(2), [None, None], "object"),
    "flags": ("boolean", pa.array([True, False]), [True, False], "bool"),
    "flags with a null": ("boolean", pa.array([True, None]), [True, pd.NA], "boolean"),
    "flags, all null": ("boolean", pa.nulls(2), [pd.NA, pd.NA], "boolean"),
    "moments": (
        "timestamp",
        pa.array([MOMENT, None], pa.timestamp("ns", NEW_YORK)),
        [pd.Timestamp("2013-01-08 04:30", tz="UTC"), pd.NaT],
        "datetime64[us, UTC]",
    ),
    "moments as text": (
        "timestamp",
        pa.array(["2013-01-07T23:30:00-05:00", None]),
        ["2013-01-07T23:30:00-05:00", None],
        "object",
    ),
    "moments, all null": ("timestamp", pa.nulls(2), [None, None], "object"),
}


@pytest.mark.parametrize(("declared", "values", "expected", "kind"), TYPED.values(), ids=TYPED)
def test_types_follow_the_contract(declared, values, expected, kind):
    rows, faults = typed_table(
        "batch", pa.table({"a": values, "dropped": [1, 2]}), contract("drop", a=declared)
    )
    assert faults == []
    pd.testing.assert_frame_equal(frame_of(rows), pd.DataFrame({"a": pd.Series(expected, dtype=kind)}))


WRONG_TIMES = ["yesterday", "2013-01-07T10:00:00", "2013-13-07T10:00:00Z", "", "12", "2013-01-07"]


@pytest.mark.parametrize("time", WRONG_TIMES)
@pytest.mark.parametrize("severity", ["refuse", "warn"])
def test_a_time_that_cannot_be_read_is_a_fault(time, severity):
    wanted = Contract.model_validate({"columns": {"t": {"type": "timestamp", "severity": severity}}})
    rows, faults = typed_table("batch", pa.table({"t": ["2013-01-07T10:00:00Z", time, None]}), wanted)
    detail = "1 of 3 values of column 't' are no ISO 8601 time with its offset; for example " + repr(time)
    assert [(one.rule, one.detail, one.severity) for one in faults] == [("t.type", detail, severity)]
    assert rows["t"].to_pylist() == ["2013-01-07T10:00:00Z", time, None]


def test_an_integer_that_no_table_can_hold_is_a_fault():
    rows = pa.table({"a": pa.array([2**64 - 1], pa.uint64())})
    _, faults = typed_table("batch", rows, contract(a="integer"))
    assert [one.rule for one in faults] == ["a.type"]


MOMENTS = st.integers(-(2**31), 2**32).map(lambda second: datetime.fromtimestamp(second, UTC))
OFFSETS = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
ZONES = st.sampled_from([NEW_YORK, "UTC", "Asia/Kolkata", "Pacific/Auckland", "Europe/Berlin"])


@given(st.lists(st.tuples(MOMENTS, OFFSETS), max_size=6), ZONES)
@settings(deadline=None, max_examples=150)
def test_local_dates_are_those_of_the_zone_however_the_time_is_written(moments, zone):
    written = [moment.astimezone(timezone(offset)).isoformat() for moment, offset in moments]
    expected = [moment.astimezone(ZoneInfo(zone)).date().isoformat() for moment, _ in moments]
    assert local_dates(pd.Series(written, dtype=object), zone).tolist() == expected
    stamps = pd.Series([moment for moment, _ in moments], dtype="datetime64[us, UTC]")
    assert local_dates(stamps, zone).tolist() == expected
    assert local_dates(stamps.dt.tz_convert("Asia/Tokyo"), zone).tolist() == expected


def test_a_time_without_a_zone_has_no_date():
    times = pd.Series([*WRONG_TIMES, None, "2013-01-08T04:59:59Z"], index=range(5, 13))
    expected = pd.Series([None] * 7 + ["2013-01-07"], index=range(5, 13), dtype=object)
    pd.testing.assert_series_equal(local_dates(times, NEW_YORK), expected)
    naive = pd.Series([pd.Timestamp("2013-01-07")])
    assert local_dates(naive, NEW_YORK).tolist() == [None]
