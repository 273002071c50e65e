"""Delta tables in a folder and in a real S3 bucket: both pass the same battery."""

import math
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from include import partitions
from include.errors import ArtefactCorrupted, ConfigurationError, NotFound, Outage
from include.lake import AUDIT_COLUMNS, RELEASED_BY, TABLES, Lake, TableRef
from include.lake_opening import OpenTables
from include.storage import open_store

DAY, NEXT = "2013-01-07", "2013-01-08"
KNOWN = date(2013, 1, 8)
NOW = datetime(2013, 1, 7, 12, 30, 0, 123456, tzinfo=UTC)
BATTERY = ["local", pytest.param("s3", marks=pytest.mark.servers)]


class Table:
    """The table `batches` of one lake, and a view of its bytes."""

    def __init__(self, lake, store):
        self.lake, self._store = lake, store

    def write(self, partition, rows, *, source="source", contract="contract"):
        rows = rows if "known_at" in rows else rows.assign(known_at=KNOWN)
        hashes = {"source_hash": source, "contract_hash": contract}
        return self.lake.write_partition("uc", "batches", partition, rows, **hashes)

    def rows(self, *partitions_, version=None):
        """Data columns only, of these partitions or of all."""
        chosen = list(partitions_) or None
        rows = self.lake.read("uc", "batches", partitions=chosen, version=version)
        return rows.drop(columns=[name for name in AUDIT_COLUMNS if name in rows])

    def files(self):
        return {key: self._store.get(key) for key in self._store.list()}


@pytest.fixture(params=BATTERY)
def table(request, tmp_path):
    if request.param == "s3":
        address = f"{request.getfixturevalue('s3_bucket')}/the/lake"
    else:
        address = str(tmp_path / "lake")
    settings = request.getfixturevalue("settings").model_copy(update={"lake_url": address})
    return Table(Lake.from_settings(settings), open_store(address, settings))


def frame(*values):
    return pd.DataFrame({"a": list(values)})


def same(found, expected):
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected.reset_index(drop=True))


def test_what_another_writes_is_seen_by_a_lake_that_holds_the_table_open(table):
    other = Table(Lake(table.lake.root, table.lake._options), None)
    assert table.lake.find("uc", "batches") is None
    other.write(DAY, frame(1))
    same(table.rows(), frame(1))
    table.write(NEXT, frame(2))
    other.write(DAY, frame(3))
    same(table.rows(), frame(3, 2))
    assert table.lake.version("uc", "batches") == other.lake.version("uc", "batches") == 2
    same(table.rows(version=0), frame(1))


def test_the_newest_version_of_a_table_is_opened_once(table, monkeypatch):
    table.write(DAY, frame(1))
    opened = []
    at = OpenTables.at
    monkeypatch.setattr(
        OpenTables, "at", lambda tables, uri, version: opened.append(version) or at(tables, uri, version)
    )
    lake = Lake(table.lake.root, table.lake._options)
    assert [lake.version("uc", "batches") for _ in range(3)] == [0, 0, 0]
    assert lake.partitions("uc", "batches") == lake.partitions("uc", "batches", version=0) == [DAY]
    assert opened == [None, 0]


def test_a_lake_that_is_sent_to_another_process_opens_its_tables_there(table):
    table.write(DAY, frame(1))
    sent = pickle.loads(pickle.dumps(table.lake))  # noqa: S301 -- our own bytes
    assert sent._tables.held == {}
    assert sent.version("uc", "batches") == 0


def test_a_table_that_cannot_be_brought_up_to_date_is_opened_anew(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    table = Table(lake, None)
    table.write(DAY, frame(1))
    log = tmp_path / "lake" / "uc" / "batches" / "_delta_log"
    log.rename(log.with_name("away"))
    log.mkdir()
    (log / f"{1:020}.json").write_text("no JSON", encoding="utf-8")
    with pytest.raises(Outage):
        table.rows()
    (log / f"{1:020}.json").unlink()
    log.rmdir()
    log.with_name("away").rename(log)
    same(table.rows(), frame(1))


def test_a_partition_is_read_back_as_it_was_written(table):
    rows = pd.DataFrame(
        {
            "integer": [1, -(2**62)],
            "number": [1.5, math.nan],
            "text": ["é|", None],
            "flag": [True, False],
            "moment": pd.to_datetime([NOW, None], utc=True).astype("datetime64[us, UTC]"),
            "day": [date(2013, 1, 7), None],
        }
    )
    ref = table.write(DAY, rows)
    assert ref == TableRef(use_case="uc", table="batches", version=0, first=DAY, last=DAY)
    same(table.rows(DAY), rows)


def test_the_audit_columns_say_where_rows_come_from(table):
    table.write(DAY, frame(1, 2), source="the file", contract="the rules")
    found = table.lake.read("uc", "batches")
    assert set(found.columns) == {"a", *AUDIT_COLUMNS} - {RELEASED_BY}
    assert found.partition.unique().tolist() == [DAY]
    assert found.known_at.unique().tolist() == [KNOWN]
    assert found.source_hash.unique().tolist() == ["the file"]
    assert found.contract_hash.unique().tolist() == ["the rules"]
    assert found.content_hash.unique().tolist() == [table.lake.content_hash("uc", "batches", DAY)]
    assert str(found.ingested_at.dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize("rows", [frame(1, 2), frame(), frame(None), frame("x", None)], ids=str)
def test_the_same_rows_again_change_no_version_and_no_byte(table, rows):
    first = table.write(DAY, rows)
    before = table.files()
    assert table.write(DAY, rows.copy()) == first
    assert table.files() == before


@pytest.mark.parametrize(
    "change",
    [
        {"rows": frame(1, 3)},
        {"rows": frame(2, 1)},
        {"rows": frame(1)},
        {"rows": frame()},
        {"rows": frame(1, 2).assign(known_at=date(2013, 1, 9))},
        {"source": "another file"},
        {"contract": "other rules"},
    ],
    ids=["value", "order", "fewer", "none", "known_at", "source", "contract"],
)
def test_anything_else_is_one_commit_that_replaces_the_partition_and_no_other(table, change):
    table.write(DAY, frame(1, 2))
    table.write(NEXT, frame(8))
    arguments = {"rows": frame(1, 2)} | change
    assert table.write(DAY, **arguments).version == 2
    same(table.rows(DAY), arguments["rows"].drop(columns="known_at", errors="ignore").astype("int64"))
    same(table.rows(NEXT), frame(8))
    same(table.rows(DAY, version=1), frame(1, 2))


def test_an_emptied_partition_is_no_partition(table):
    table.write(DAY, frame(1))
    table.write(NEXT, frame(2))
    table.write(DAY, frame())
    assert table.lake.partitions("uc", "batches") == [NEXT]
    assert table.lake.content_hash("uc", "batches", DAY) is None
    assert table.lake.partitions("uc", "batches", version=1) == [DAY, NEXT]


def test_reading_a_choice(table):
    for key, value in (("2013-01-09", 3), (DAY, 1), (NEXT, 2)):
        table.write(key, frame(value).assign(b="x", known_at=partitions.available_at(key)))
    read = table.lake.read
    assert read("uc", "batches").a.tolist() == [1, 2, 3]
    assert read("uc", "batches", partitions=[NEXT, DAY]).a.tolist() == [1, 2]
    assert read("uc", "batches", partitions=[]).a.tolist() == []
    assert read("uc", "batches", partitions=["2014-01-01"]).a.tolist() == []
    assert list(read("uc", "batches", columns=["b", "a"]).columns) == ["b", "a"]
    assert read("uc", "batches", known_by=date(2013, 1, 9)).a.tolist() == [1, 2]
    assert read("uc", "batches", known_by=date(2013, 1, 7)).a.tolist() == []
    assert read("uc", "batches", columns=["a"], known_by=date(2013, 1, 8), partitions=[DAY]).a.tolist() == [1]
    assert read("uc", "batches", version=0).a.tolist() == [3]


def test_what_is_not_there_is_said(table):
    assert table.lake.version("uc", "batches") == -1
    assert table.lake.find("uc", "batches") is None
    assert table.lake.partitions("uc", "batches") == []
    assert table.lake.value_counts("uc", "batches") == {}
    assert table.lake.content_hash("uc", "batches", DAY) is None
    with pytest.raises(NotFound, match=r"does not exist yet; run uc\.ingest"):
        table.lake.read("uc", "batches")
    table.write(DAY, frame(1))
    with pytest.raises(NotFound, match="has no version 7"):
        table.lake.read("uc", "batches", version=7)
    with pytest.raises(NotFound, match=r"has no column \['c'\]; it has \['a', "):
        table.lake.read("uc", "batches", columns=["c", "a"])


def test_a_column_without_values_keeps_its_type(table):
    first = pd.DataFrame({"text": ["x"], "number": [1.5], "integer": [1], "flag": [True], "late": [None]})
    nulls = pd.DataFrame({name: [None] for name in first.columns})
    table.write(DAY, first)
    before = table.lake.open("uc", "batches").schema()
    table.write(NEXT, nulls)
    assert table.lake.open("uc", "batches").schema() == before
    assert table.rows(NEXT).isna().all(axis=None)
    # Nothing but nulls first: it becomes text.
    table.write(NEXT, nulls.assign(late="now"))
    assert table.rows(NEXT).late.tolist() == ["now"]


def test_columns_may_come_and_go(table):
    table.write(DAY, frame(1))
    table.write(NEXT, pd.DataFrame({"b": [2.5]}))
    assert table.rows(DAY).b.isna().all()
    assert table.rows(NEXT).a.isna().all()


def test_rows_that_do_not_fit_their_table_are_refused_and_change_nothing(table):
    table.write(DAY, frame(1))
    before = table.files()
    for wrong in (frame(1.5), frame("x")):
        with pytest.raises(ConfigurationError, match=r"do not fit the types of their table: .*column a"):
            table.write(NEXT, wrong)
    assert table.files() == before


def test_value_counts_come_from_the_log_alone(table):
    wide = {f"c{number:02}": [1, None, 3] for number in range(40)}
    table.write(NEXT, pd.DataFrame(wide))
    table.write(DAY, pd.DataFrame({"c00": [None, 5]}))
    table.write("2013-01-09", pd.DataFrame({"late": ["x", None, None], "c00": [None] * 3}))
    for key in table._store.list():
        if key.endswith(".parquet") and "_delta_log" not in key:
            table._store.delete(key)
    counts = table.lake.value_counts
    assert counts("uc", "batches") == {DAY: 2, NEXT: 3, "2013-01-09": 3}
    assert counts("uc", "batches", "c00") == {DAY: 1, NEXT: 2, "2013-01-09": 0}
    assert counts("uc", "batches", "c39") == {DAY: 0, NEXT: 2, "2013-01-09": 0}
    assert counts("uc", "batches", "late") == {"2013-01-09": 1}
    assert counts("uc", "batches", "unheard of") == {}


@pytest.mark.parametrize("corrected", [None, date(2013, 1, 10), date(2013, 1, 20)])
def test_what_came_to_be_known_between_two_dates_is_counted_as_by_reading(table, corrected):
    days = partitions.span(DAY, "2013-01-12")
    for day in days:
        known = [partitions.available_at(day)] * 3
        known[0] = corrected or known[0]
        table.write(day, frame(1.0, None, 2.0).assign(known_at=known))
    rows = table.lake.read("uc", "batches")
    for after, by in ((date(2013, 1, 1), date(2013, 2, 1)), (date(2013, 1, 9), date(2013, 1, 11))):
        expected = rows["a"].notna() & (rows["known_at"] > after) & (rows["known_at"] <= by)
        asked = expected & rows["partition"].isin(days[1:])
        found = table.lake.known_between("uc", "batches", "a", partitions=days[1:], after=after, by=by)
        assert found == int(asked.sum()) > 0


def test_a_long_history_gets_checkpoints(table):
    for day in range(20):
        table.write(partitions.shift(DAY, day), frame(day))
    assert [key for key in table.files() if "checkpoint.parquet" in key]
    assert table.rows().a.tolist() == list(range(20))
    assert table.rows(version=3).a.tolist() == [0, 1, 2, 3]


def write_at_once(table, writes):
    """Let all writes begin at the same moment, each in a thread; the Delta library runs them in parallel."""
    start = threading.Barrier(len(writes))

    def write(partition, rows):
        start.wait()
        return table.write(partition, rows).version

    with ThreadPoolExecutor(len(writes)) as pool:
        return list(pool.map(write, *zip(*writes, strict=True)))


@pytest.mark.parametrize("exists", [True, False], ids=["old table", "new table"])
def test_writers_of_different_partitions_do_not_disturb_each_other(table, exists):
    if exists:
        table.write("2012-12-31", frame(-1))
    days = [partitions.shift(DAY, step) for step in range(8)]
    write_at_once(table, [(day, frame(number, number)) for number, day in enumerate(days)])
    for number, day in enumerate(days):
        same(table.rows(day), frame(number, number))
    assert len(table.rows()) == 16 + exists


@pytest.mark.parametrize("exists", [True, False], ids=["old table", "new table"])
def test_of_writers_of_one_partition_one_wins_whole(table, exists):
    if exists:
        table.write(DAY, frame(-1))
        table.write(NEXT, frame(-2))
    write_at_once(table, [(DAY, frame(number, number)) for number in range(8)])
    last = table.rows(DAY).a.tolist()
    assert last in [[number, number] for number in range(8)]
    assert len(table.rows()) == 2 + exists


def test_of_writers_that_make_a_table_together_one_wins_whole(table):
    # Whether two meet within the few milliseconds that matter is chance, so there are many rounds.
    hashes = {"source_hash": "source", "contract_hash": "contract"}
    for name in TABLES:
        start = threading.Barrier(8)

        def write(number, name=name, start=start):
            rows = frame(number, number).assign(known_at=KNOWN)
            start.wait()
            table.lake.write_partition("uc", name, DAY, rows, **hashes)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(8)))
        assert table.lake.read("uc", name).a.tolist() in [[number, number] for number in range(8)]


def test_writers_may_add_columns_at_the_same_time(table):
    table.write("2012-12-31", frame(0))
    days = [partitions.shift(DAY, step) for step in range(4)]
    write_at_once(table, [(day, pd.DataFrame({f"new{day[-2:]}": [1.5]})) for day in days])
    for day in days:
        assert table.rows(day)[f"new{day[-2:]}"].tolist() == [1.5]


def test_writers_of_the_same_rows_commit_once(table):
    table.write(NEXT, frame(0))
    assert write_at_once(table, [(DAY, frame(1, 2))] * 8) == [1] * 8


@pytest.mark.parametrize("partition", ["", "2013-1-7", "2013-01-07' OR 'a'='a", "2013-02-30", "../x"])
def test_a_wrong_partition_key_is_refused(table, partition):
    with pytest.raises(ConfigurationError, match="is not a date"):
        table.write(partition, frame(1))
    assert table.files() == {}


def test_names_of_tables_are_checked(settings):
    lake = Lake.from_settings(settings)
    assert [lake.uri("uc", table) for table in (*TABLES, "side_weather")]
    with pytest.raises(ConfigurationError, match="There is no table 'bathces'; the tables are batches"):
        lake.uri("uc", "bathces")
    for use_case, table in (("..", "batches"), ("uc", "side_/../../x"), ("/etc", "batches")):
        with pytest.raises(ConfigurationError, match="could leave its root"):
            lake.uri(use_case, table)


def test_a_broken_lake_is_said_plainly(tmp_path, settings):
    table = Table(Lake.from_settings(settings), None)
    table.write(DAY, frame(1))
    data = next(Path(settings.lake).rglob("part-*.parquet"))
    content = data.read_bytes()
    data.write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtefactCorrupted, match="cannot be read"):
        table.rows()
    data.unlink()
    with pytest.raises(Outage, match="does not answer"):
        table.rows()
    next(Path(settings.lake).rglob("0*.json")).write_text("{garbage")
    with pytest.raises(Outage, match="does not answer"):
        table.rows()
    (tmp_path / "file").write_text("")
    with pytest.raises(Outage, match="does not answer"):
        Table(Lake(str(tmp_path / "file")), None).write(DAY, frame(1))


def test_a_store_that_does_not_answer_is_an_outage(settings, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "some")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    there = settings.model_copy(update={"lake_url": "s3://bucket/x", "s3_endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(Outage, match=r"The lake at s3://bucket/x does not answer: [^\n]*Connection refused"):
        Lake.from_settings(there).version("uc", "batches")


TYPED = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_infinity=True) | st.none(),
    "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.none(),
    "flag": st.booleans(),
    "day": st.dates() | st.none(),
}


@st.composite
def contents(draw):
    rows = draw(st.integers(0, 8))
    columns = {name: draw(st.lists(values, min_size=rows, max_size=rows)) for name, values in TYPED.items()}
    types = {"integer": "int64", "number": "float64", "text": object, "flag": bool, "day": object}
    return pd.DataFrame({name: pd.Series(values, dtype=types[name]) for name, values in columns.items()})


FIRST = pd.DataFrame({"integer": [1], "number": [0.5], "text": ["x"], "flag": [True], "day": [KNOWN]})


@given(st.lists(contents(), min_size=1, max_size=4))
@examples(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_last_is_what_is_read(tmp_path_factory, written):
    table = Table(Lake(str(tmp_path_factory.mktemp("lake"))), None)
    table.write(NEXT, FIRST)
    for rows in written:
        version = table.write(DAY, rows).version
        assert table.write(DAY, rows).version == version
        same(table.rows(DAY).replace({np.nan: None}), rows.replace({np.nan: None}))
    same(table.rows(NEXT), FIRST)
