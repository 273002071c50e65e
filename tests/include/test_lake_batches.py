"""Rows that stream into the lake: one commit, the same table as from a frame, nothing written twice."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from include.errors import ConfigurationError
from include.hashing import hash_batches
from include.lake import AUDIT_COLUMNS, Lake
from tests.kills import instants

DAY, NEXT, KNOWN = "2013-01-07", "2013-01-08", date(2013, 1, 8)
MOMENT = pa.timestamp("us", "UTC")


def table(**columns):
    rows = pa.table(columns)
    return rows.append_column("known_at", pa.array([KNOWN] * len(rows), pa.date32()))


def write(lake, rows, partition=DAY, *, size=3, source="source", contract="contract"):
    return lake.write_batches(
        "uc",
        "batches",
        partition,
        lambda: iter(rows.to_batches(size) or [pa.RecordBatch.from_pylist([], rows.schema)]),
        source_hash=source,
        contract_hash=contract,
    )


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


MANY = table(
    i=[1, None, 3, 4, 5, None, 7],
    f=[0.5, None, -0.0, float("inf"), 1e300, 2.0, 3.0],
    s=["a", None, "", "ü", "long text", "a", "b"],
    b=[True, None, False, True, True, False, None],
    t=pa.array([0, None, 1, 2, 3, 4, 5], MOMENT),
)


def test_rows_come_back_as_from_a_frame(lake, tmp_path):
    write(lake, MANY)
    other = Lake(str(tmp_path / "other"))
    other.write_partition("uc", "batches", DAY, MANY.to_pandas(), source_hash="s", contract_hash="c")
    data = [column for column in MANY.column_names if column != "known_at"]
    # A frame has no integers with a null unless it says so.
    pd.testing.assert_frame_equal(
        lake.read("uc", "batches")[data], other.read("uc", "batches")[data], check_dtype=False
    )
    assert lake.read("uc", "batches").columns.tolist() == other.read("uc", "batches").columns.tolist()
    assert lake.value_counts("uc", "batches", "i") == {DAY: 5}


def test_the_same_rows_again_change_nothing_however_they_are_cut(lake, tmp_path):
    first = write(lake, MANY)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert [write(lake, MANY, size=size) for size in (1, 2, 7)] == [first] * 3
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


CHANGES = {
    "a value": {"rows": table(a=[1, 2, 4])},
    "the order": {"rows": table(a=[2, 1, 3])},
    "a null": {"rows": table(a=[1, 2, None])},
    "a row more": {"rows": table(a=[1, 2, 3, 3])},
    "another source": {"source": "new"},
    "another contract": {"contract": "new"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changed_is_one_new_version(lake, change):
    rows = table(a=[1, 2, 3])
    write(lake, rows, NEXT)
    first = write(lake, rows)
    assert first.version == lake.version("uc", "batches")
    second = write(lake, change.get("rows", rows), **{k: v for k, v in change.items() if k != "rows"})
    assert second.version == first.version + 1
    wanted = change.get("rows", rows)["a"].to_pylist()
    found = lake.read("uc", "batches", partitions=[DAY])["a"]
    assert found.astype(object).where(found.notna(), None).tolist() == wanted
    assert lake.read("uc", "batches", partitions=[NEXT])["a"].tolist() == [1, 2, 3]


def test_no_rows_empty_the_partition_once(lake):
    write(lake, table(a=[1]))
    empty = table(a=pa.array([], pa.int64()))
    version = write(lake, empty).version
    assert write(lake, empty).version == version
    assert lake.partitions("uc", "batches") == []


def test_a_column_keeps_the_type_that_the_table_has(lake):
    write(lake, table(a=[0.5], s=["x"]))
    write(lake, table(a=pa.nulls(2), s=pa.nulls(2)), NEXT)
    rows = lake.read("uc", "batches", partitions=[NEXT])
    assert (rows["a"].dtype.kind, rows["s"].tolist()) == ("f", [None, None])
    with pytest.raises(ConfigurationError, match="do not fit the types of their table"):
        write(lake, table(a=["text"], s=["x"]))


def test_of_writers_that_race_for_a_new_partition_one_is_left_whole(lake):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda value: write(lake, table(a=[value] * 50), size=7), range(4)))
    assert lake.read("uc", "batches")["a"].nunique() == 1
    assert len(lake.read("uc", "batches")) == 50


VALUES = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False),
        st.none() | st.text(max_size=4),
        st.none() | st.booleans(),
        st.none() | st.dates(),
    ),
    min_size=1,
    max_size=12,
)
TYPES = dict(zip("ifsbd", (pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.date32()), strict=True))


def columns(rows):
    return pa.table(
        {
            name: pa.array(list(values), kind)
            for (name, kind), values in zip(TYPES.items(), zip(*rows, strict=True), strict=True)
        }
    )


@given(VALUES, VALUES, st.integers(1, 12), st.integers(0, 3))
@examples(deadline=None, max_examples=100)
def test_the_hash_names_the_rows_and_not_their_batches(rows, others, size, start):
    whole = columns(rows)
    count, found = hash_batches(whole.to_batches())
    assert count == len(rows)
    assert hash_batches(whole.to_batches(size)) == (count, found)
    shifted = columns([*rows[:start], *rows]).slice(min(start, len(rows)))
    assert hash_batches(shifted.to_batches(size)) == (count, found)
    assert (hash_batches(columns(others).to_batches())[1] == found) == (repr(rows) == repr(others))


def test_kinds_of_columns_that_hold_the_same_bytes_differ():
    zeros = [pa.array([0, 0], kind) for kind in (pa.int64(), pa.float64(), pa.int32(), MOMENT)]
    zeros += [pa.array(["", ""]), pa.array([[], []], pa.list_(pa.int64())), pa.nulls(2)]
    assert len({hash_batches(pa.table({"a": column}).to_batches())[1] for column in zeros}) == len(zeros)


ROWS = 20_000


def write_many(address, value):
    rows = table(value=[value] * ROWS, text=[f"{value}-{row}" for row in range(ROWS)])
    write(Lake(address), rows, size=1000, source=str(value))


def test_a_streaming_write_that_is_killed_leaves_the_old_rows_or_the_new(victims, tmp_path):
    address = str(tmp_path / "lake")
    write_many(address, 0)
    usual = victims.seconds(write_many, str(shutil.copytree(address, tmp_path / "calm")), 1)
    fates = []
    for value, instant in enumerate(instants(seed=9, count=12, seconds=usual), start=1):
        victims.kill_after(instant, write_many, address, value)
        rows = Lake(address).read("uc", "batches").drop(columns=[*AUDIT_COLUMNS], errors="ignore")
        found = int(rows.value.iloc[0])
        assert found in {value - 1, value}
        assert rows.value.tolist() == [found] * ROWS
        fates.append(found == value - 1)
        write_many(address, value)
    assert True in fates, "no kill came before the commit: the test has shown nothing"
