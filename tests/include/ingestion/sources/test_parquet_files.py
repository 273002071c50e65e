"""Parquet: what is not Parquet is said, and no claim of a footer is believed."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import BatchUnreadable
from include.ingestion.sources.conversion import Conversion
from include.ingestion.sources.doubts import Doubts
from include.ingestion.sources.parquet_files import read_parquet
from include.ingestion.sources.text_lines import Budget
from include.use_case_sections import Contract

CONTRACT = Contract.model_validate(
    {"columns": {"a": {"type": "integer"}, "b": {"type": "string", "max_null_share": 1}}}
)


def read(folder, content, *, decompressed=10**9, value=1000):
    path = folder / "file.parquet"
    path.write_bytes(content)
    conversion = Conversion(Doubts("batch", CONTRACT, str(path)))
    budget = Budget(decompressed, 200, value)
    parts = list(read_parquet(path, conversion, budget, max_columns=10))
    return pa.Table.from_batches(parts) if parts else conversion.doubts.faults


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


TABLE = pa.table({"a": [1, 2, 3], "b": ["x", None, "é"]})


def parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


CONTENT = parquet(pa.table({"a": list(range(5000)), "b": [f"text {number}" for number in range(5000)]}))


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
def test_parquet_is_read(compression, tmp_path):
    assert read(tmp_path, parquet(TABLE, compression=compression)).equals(TABLE)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
def test_what_was_cut_off_is_unreadable(share, tmp_path):
    cut = CONTENT[: int(len(CONTENT) * share)]
    with pytest.raises(BatchUnreadable, match=rf"^not readable as Parquet \({len(cut)} bytes\): \S[^\n]*$"):
        read(tmp_path, cut)


@given(st.integers(0, len(CONTENT) - 1))
@settings(deadline=None, max_examples=200)
def test_every_cut_is_unreadable(folder, length):
    with pytest.raises(BatchUnreadable):
        read(folder, CONTENT[:length])


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda inner: b"PAR1" + inner + b"PAR1"))
@settings(deadline=None, max_examples=200)
def test_garbage_is_unreadable(folder, content):
    with pytest.raises(BatchUnreadable):
        read(folder, content)


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(0, 255)), min_size=1, max_size=8))
@settings(deadline=None, max_examples=200)
def test_flipped_bytes_are_unreadable_or_rows_or_faults_but_no_other_error(folder, changes):
    content = bytearray(CONTENT)
    for place, value in changes:
        content[place] = value
    try:
        read(folder, bytes(content))
    except BatchUnreadable:
        return


def test_a_column_that_stands_twice_is_named(tmp_path):
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array(["x"])], names=["a", "a", "b"])
    assert [fault.rule for fault in read(tmp_path, parquet(twice))] == ["a.once"]


def test_more_than_the_budget_is_refused_from_the_footer_on(tmp_path):
    with pytest.raises(BatchUnreadable, match=r"claims to unpack to .* source.max_decompressed_bytes"):
        read(tmp_path, CONTENT, decompressed=10_000)


def test_a_long_text_is_refused_before_it_is_repeated(tmp_path):
    long = pa.table({"a": np.zeros(200_000, "int64"), "b": pa.array(["x" * 5000] * 200_000)})
    with pytest.raises(BatchUnreadable, match=r"column 'b' of .* holds a text of 5000 bytes"):
        read(tmp_path, parquet(long))


def test_many_long_texts_are_read_in_parts_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("include.ingestion.sources.parquet_files._BATCH_BYTES", 100_000)
    many = pa.table({"a": np.zeros(5000, "int64"), "b": pa.array(["x" * 900] * 5000)})
    assert read(tmp_path, parquet(many)).equals(many)
    with pytest.raises(BatchUnreadable, match=r"goes beyond source.max_decompressed_bytes"):
        read(tmp_path, parquet(many), decompressed=1_000_000)


def test_text_that_is_no_text_is_unreadable(tmp_path):
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], "int32").tobytes()), pa.py_buffer(b"\xff\xfe")]
    )
    with pytest.raises(BatchUnreadable, match="UTF8"):
        read(tmp_path, parquet(pa.table({"a": [1], "b": broken})))
