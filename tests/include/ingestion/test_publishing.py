"""When the rows of a partition that is replaced may be seen."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.ingestion.known_at import KnownAt
from include.lake import AUDIT_COLUMNS

DAY = "2013-01-07"
FIRST, EARLIER, CORRECTED = date(2013, 1, 8), date(2013, 1, 9), date(2013, 1, 20)


def stored(known_at, **columns):
    """Rows as the lake gives them back."""
    rows = pd.DataFrame(columns)
    return rows.assign(known_at=known_at, **{name: "x" for name in AUDIT_COLUMNS if name != "known_at"})


def days(rows, present, size=3):
    """The day of each row, for rows that come in small batches."""
    there = None if present is None else ds.dataset(pa.Table.from_pandas(present, preserve_index=False))
    coming = pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
    rule = KnownAt(DAY, CORRECTED, there, coming.schema)
    found = [day for batch in coming.to_batches(size) for day in rule.of(batch).tolist()]
    assert rule.latest(coming.to_batches(size)) == max(found, default=FIRST)
    return found


OLD, NEW = FIRST, CORRECTED
CASES = {
    "nothing was there": (None, {"a": [1, 2]}, [OLD, OLD]),
    "the same": (stored(FIRST, a=[1, 2]), {"a": [1, 2]}, [OLD, OLD]),
    "another order": (stored([FIRST, EARLIER], a=[1, 2]), {"a": [2, 1]}, [EARLIER, FIRST]),
    "one changed": (stored(FIRST, a=[1, 2], b=["x", "y"]), {"a": [1, 2], "b": ["x", "z"]}, [OLD, NEW]),
    "one added": (stored(FIRST, a=[1]), {"a": [1, 2]}, [OLD, NEW]),
    "one removed": (stored(FIRST, a=[1, 2]), {"a": [2]}, [OLD]),
    "corrected before": (stored([FIRST, EARLIER], a=[1, 2]), {"a": [1, 2]}, [FIRST, EARLIER]),
    "values exchanged": (
        stored(FIRST, a=["x", "y"], b=["y", "x"]),
        {"a": ["y", "x"], "b": ["y", "x"]},
        [NEW, NEW],
    ),
    "another column": (stored(FIRST, a=[1]), {"a": [1], "b": [1]}, [NEW]),
    "columns in another order": (stored(FIRST, a=[1], b=[2]), {"b": [2], "a": [1]}, [OLD]),
    "a null filled in": (stored(FIRST, a=[1.0, np.nan]), {"a": [1, 2]}, [OLD, NEW]),
    "a null on both sides": (stored(FIRST, a=[1.0, np.nan]), {"a": pd.array([1, None], "Int64")}, [OLD, OLD]),
    "a value taken away": (stored(FIRST, a=[1, 2]), {"a": pd.array([1, None], "Int64")}, [OLD, NEW]),
    "nulls only": (stored(FIRST, a=[None, None], b=[1, 2]), {"a": [np.nan, np.nan], "b": [1, 2]}, [OLD, OLD]),
    "null and its name": (stored(FIRST, a=["None", "nan"]), {"a": [None, "nan"]}, [NEW, OLD]),
    "flags with a null": (
        stored(FIRST, a=pd.Series([True, None], dtype=object)),
        {"a": pd.array([True, False], "boolean")},
        [OLD, NEW],
    ),
}


@pytest.mark.parametrize(("present", "rows", "expected"), CASES.values(), ids=CASES)
def test_rows_that_stood_there_keep_their_day(present, rows, expected):
    assert days(rows, present) == expected


VALUES = st.tuples(st.integers(0, 3), st.sampled_from(["x", "y", None]), st.sampled_from([0.5, 1.0, np.nan]))


@given(st.lists(VALUES, max_size=8), st.lists(VALUES, max_size=8))
@settings(deadline=None, max_examples=150)
def test_exactly_the_rows_that_were_not_there_are_new(before, after):
    def frame(rows):
        columns = {name: [row[place] for row in rows] for place, name in enumerate("abc")}
        return pd.DataFrame(columns).astype({"a": "int64", "b": object, "c": "float64"})

    found = days(frame(after), stored(FIRST, **frame(before)) if before else None)
    known = {str(row) for row in before}
    expected = [FIRST if str(row) in known or not before else CORRECTED for row in after]
    assert found == expected
