"""CSV and JSON Lines: what was written is what is read, and no bytes at all raise another error."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import BatchUnreadable
from include.ingestion.sources import times
from include.ingestion.sources.conversion import Conversion
from include.ingestion.sources.csv_files import read_csv
from include.ingestion.sources.doubts import Doubts
from include.ingestion.sources.json_lines import read_json_lines
from include.ingestion.sources.text_lines import Budget
from include.use_case_sections import Contract, CsvFiles, JsonLinesFiles

CONTRACT = Contract.model_validate(
    {
        "columns": {
            "n": {"type": "integer"},
            "x": {"type": "number"},
            "s": {"type": "string"},
            "b": {"type": "boolean"},
        }
    }
)
READERS = {
    "csv": (read_csv, CsvFiles(kind="csv", path="x/{partition}.csv")),
    "json": (read_json_lines, JsonLinesFiles(kind="json_lines", path="x/{partition}.jsonl")),
}
# No NUL, which no text file may hold, and no half of a pair of surrogates, which has no bytes.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ROWS = st.lists(
    st.tuples(
        st.integers(-(10**18) + 1, 10**18 - 1) | st.none(),
        st.floats(allow_nan=False, allow_infinity=False) | st.none(),
        TEXTS | st.none(),
        st.booleans() | st.none(),
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("texts") / "file"


def read(kind, file, content):
    file.write_bytes(content)
    reader, source = READERS[kind]
    conversion = Conversion(Doubts("batch", CONTRACT, "the file"))
    parts = list(reader(file, source, conversion, Budget(10**8, 200, 100_000), max_columns=20))
    return [row for part in parts for row in part.to_pylist()], conversion.doubts.faults


@given(ROWS)
@settings(deadline=None, max_examples=80)
def test_what_was_written_as_csv_is_read(file, rows):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["n", "x", "s", "b"])
    spelled = {True: "true", False: "false", None: ""}
    writer.writerows(
        ["" if n is None else n, "" if x is None else repr(x), s, spelled[b]] for n, x, s, b in rows
    )
    found, faults = read("csv", file, buffer.getvalue().encode())
    assert [fault for fault in faults if fault.severity == "refuse"] == []
    # An empty text and a missing one look the same in CSV.
    assert found == [{"n": n, "x": x, "s": s or None, "b": b} for n, x, s, b in rows]


@given(ROWS)
@settings(deadline=None, max_examples=80)
def test_what_was_written_as_json_is_read(file, rows):
    written = [dict(zip("nxsb", row, strict=True)) for row in rows]
    content = "\n".join(json.dumps(row, ensure_ascii=len(row["s"] or "") % 2 == 0) for row in written)
    found, faults = read("json", file, content.encode())
    assert (found, faults) == (written, [])


@pytest.mark.parametrize("kind", READERS)
@given(
    content=st.binary(max_size=200)
    | st.text('nxsb,"\n\r{}:[]0123.eE-+truefalsenull \\', max_size=80).map(str.encode)
)
@settings(deadline=None, max_examples=200)
def test_no_bytes_raise_another_error(kind, file, content):
    for head in (b"", b"n,x,s,b\n"):
        with suppress(BatchUnreadable):
            read(kind, file, head + content)


MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9999, 12, 29)).map(lambda time: time.replace(tzinfo=UTC))  # noqa: DTZ001
OFFSETS = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


@given(st.lists(st.tuples(MOMENTS, OFFSETS), min_size=1, max_size=6))
@settings(deadline=None, max_examples=150)
def test_a_moment_is_the_same_however_it_is_written(pairs):
    expected = [moment for moment, _ in pairs]
    written = [moment.astimezone(offset).isoformat() for moment, offset in pairs]
    for texts in (written, [text.replace("T", " ") for text in written]):
        assert times.moments(pa.array(texts), form="iso8601", zone=None).to_pylist() == expected
        # One text that cannot be read sends the others along the slow way.
        mixed = times.moments(pa.array([*texts, "soon"]), form="iso8601", zone=None)
        assert mixed.to_pylist() == [*expected, None]


CLOCK = {
    "winter": ("2024-01-15 12:00", datetime(2024, 1, 15, 11, tzinfo=UTC)),
    "summer": ("2024-07-15 12:00", datetime(2024, 7, 15, 10, tzinfo=UTC)),
    "the hour that is left out": ("2024-03-31 02:30", None),
    "the hour that comes twice": ("2024-10-27 02:30", None),
}


@pytest.mark.parametrize(("text", "expected"), CLOCK.values(), ids=CLOCK)
def test_a_local_time_counts_where_it_exists_once(text, expected):
    for form in ("iso8601", "%Y-%m-%d %H:%M"):
        assert times.moments(pa.array([text]), form=form, zone="Europe/Berlin").to_pylist() == [expected]
        assert times.moments(pa.array([text]), form=form, zone=None).to_pylist() == [None]
