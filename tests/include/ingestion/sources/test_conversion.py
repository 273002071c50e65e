"""Columns and types follow the contract, and what does not fit is named with its place."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.ingestion.reading import frame_of
from include.ingestion.sources.conversion import Conversion, check_columns, check_types
from include.ingestion.sources.doubts import Doubts
from include.use_case_sections import Contract

NEW_YORK = "America/New_York"


def contract(extra="refuse", **types):
    columns = {name: {"type": kind} for name, kind in types.items()}
    return Contract.model_validate({"columns": columns, "extra_columns": extra})


def converted(rows, wanted):
    conversion = Conversion(Doubts("batch", wanted, "f.parquet"), keep_text_times=True)
    parts = [conversion.batch(part, range(1, 1 + len(part))) for part in rows.to_batches()]
    return pa.Table.from_batches(parts), conversion.doubts.faults


def fault(rule, detail, severity="refuse"):
    return (rule, detail, severity)


ALIKE = "differs from it in case or invisible signs only"
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
            fault("a.present", f"column 'a' is missing; 'A' {ALIKE}"),
            fault("extra_columns", "column 'A' is not in the contract"),
        ],
    ),
}


@pytest.mark.parametrize(("names", "extra", "expected"), SHAPES.values(), ids=SHAPES)
def test_columns_are_those_of_the_contract(names, extra, expected):
    doubts = Doubts("batch", contract(extra, a="integer", b="number"))
    fits = check_columns(names, doubts, max_columns=10)
    found = doubts.faults
    assert fits is not doubts.refusing
    assert [(one.rule, one.detail, one.severity) for one in found] == expected
    assert {one.table for one in found} <= {"batch"}


INTEGERS = [pa.int64(), pa.int8(), pa.uint32(), pa.null()]
TEXTS = [pa.string(), pa.large_string(), pa.null()]
TYPES = {
    "integer": INTEGERS,
    "number": [*INTEGERS, pa.float64(), pa.float32(), pa.decimal128(9, 2)],
    "string": [*TEXTS, pa.dictionary(pa.int8(), pa.string())],
    "boolean": [pa.bool_(), pa.null()],
    "timestamp": [*TEXTS, pa.timestamp("us", "UTC"), pa.timestamp("ns", NEW_YORK)],
}
OTHER_TYPES = [
    pa.timestamp("us"),
    pa.date32(),
    pa.binary(),
    pa.list_(pa.int64()),
    pa.dictionary(pa.int8(), pa.int64()),
    pa.duration("s"),
]


@pytest.mark.parametrize("declared", TYPES)
def test_types_that_fit_and_those_that_do_not(declared):
    for kind in (*OTHER_TYPES, *(kind for kinds in TYPES.values() for kind in kinds)):
        doubts = Doubts("batch", contract(a=declared))
        assert check_types(pa.schema({"a": kind}), doubts) is (kind in TYPES[declared])
        found = doubts.faults
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
    rows, faults = converted(pa.table({"a": values, "dropped": [1, 2]}), contract("drop", a=declared))
    assert faults == []
    pd.testing.assert_frame_equal(frame_of(rows), pd.DataFrame({"a": pd.Series(expected, dtype=kind)}))


WRONG_TIMES = ["yesterday", "2013-01-07T10:00:00", "2013-13-07T10:00:00Z", "", "12", "2013-01-07"]


@pytest.mark.parametrize("time", WRONG_TIMES)
@pytest.mark.parametrize("severity", ["refuse", "warn"])
def test_a_time_that_cannot_be_read_is_a_fault(time, severity):
    wanted = Contract.model_validate({"columns": {"t": {"type": "timestamp", "severity": severity}}})
    rows, faults = converted(pa.table({"t": ["2013-01-07T10:00:00Z", time, None]}), wanted)
    detail = f"1 values of column 't' in f.parquet are not an ISO 8601 time with its offset; row 2: {time!r}"
    assert [(one.rule, one.detail, one.severity) for one in faults] == [("t.type", detail, severity)]
    assert rows["t"].to_pylist() == ["2013-01-07T10:00:00Z", time, None]


def test_an_integer_that_no_table_can_hold_is_a_fault():
    rows, faults = converted(
        pa.table({"a": pa.array([7, 2**64 - 1, None], pa.uint64())}), contract(a="integer")
    )
    detail = f"1 values of column 'a' in f.parquet are not an integer of 64 bits; row 2: {2**64 - 1}"
    assert [(one.rule, one.detail) for one in faults] == [("a.type", detail)]
    assert rows["a"].to_pylist() == [7, None, None]


def test_a_missing_number_and_a_negative_zero_are_spelled_one_way():
    rows, _ = converted(pa.table({"a": [np.nan, -0.0, 1.5, np.inf]}), contract(a="number"))
    assert str(rows["a"].to_pylist()) == "[None, 0.0, 1.5, inf]"


def test_too_many_columns_are_one_fault():
    doubts = Doubts("batch", contract(a="integer"), "f.csv")
    assert not check_columns([f"c{number}" for number in range(11)], doubts, max_columns=10)
    assert [(one.rule, one.detail) for one in doubts.faults] == [
        ("columns", "f.csv has 11 columns, more than source.max_columns 10")
    ]
