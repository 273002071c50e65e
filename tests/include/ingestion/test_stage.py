"""Ingestion of real flights from the landing folder to the lake: what is published, what a repeat does."""

import io
import shutil
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include import partitions
from include.decisions import Verdict
from include.errors import ConfigurationError, GateRefused
from include.use_case_sections import Contract
from tests.include.ingestion.conftest import DAY, EARLIER, Home, changed, parquet, reshaped

BLIZZARD = ("2013-02-08", "2013-02-09")
CORRECTED = EARLIER[0]
NEXT_DAY, CORRECTION_DAY = date(2013, 1, 8), date(2013, 1, 11)


def test_an_ordinary_day_is_published_whole(home):
    decision, ref = home.ingest()
    source = pd.read_parquet(home.file())
    assert decision.verdict is Verdict.PASS
    assert decision.evidence["counts"] == {"": len(source), "arr_delay": int(source["arr_delay"].count())}
    assert (ref.table, ref.first, ref.last) == ("batches", DAY, DAY)
    rows = home.lake.read("flights", "batches", partitions=[DAY], version=ref.version)
    pd.testing.assert_frame_equal(rows[source.columns], source)
    assert set(rows.known_at) == {date(2013, 1, 12)}
    assert set(rows.source_hash) == {decision.evidence["files"][0]["sha256"]}
    assert set(rows.contract_hash) == {home.use_case.contract_hash}
    assert len(home.rows(table="side_weather")) == pq.read_metadata(home.file(table="weather")).num_rows
    profile = home.rows(table="profiles").set_index("column")
    assert profile.loc["arr_delay", "nulls"] == source["arr_delay"].isna().sum()
    assert profile.loc["dep_delay", "mean"] == pytest.approx(source["dep_delay"].mean())


def test_the_same_files_again_change_no_byte_and_no_decision(home):
    first = home.ingest()
    tables, head = home.tables(), home.ledger.verify()
    assert home.ingest() == first
    assert home.tables() == tables
    assert home.ledger.verify() == head


def test_earlier_days_again_change_no_byte(home):
    for day in (*EARLIER, DAY):  # in the copied home, raw files have other addresses
        home.ingest(day)
    tables = home.tables()
    for day in reversed(EARLIER):
        home.ingest(day)
    assert home.tables() == tables


def test_a_refusal_again_is_no_news_and_a_good_file_afterwards_is_published(home):
    good = home.file().read_bytes()
    home.file().write_bytes(good[:5000])
    ids = set()
    for _ in range(2):
        with pytest.raises(GateRefused) as caught:
            home.ingest()
        ids.add(caught.value.decision_id)
    assert len(ids) == 1
    home.file().write_bytes(good)
    home.ingest()
    assert [found.verdict for found in home.ledger.find(partition=DAY)] == [Verdict.PASS, Verdict.REFUSE]
    assert home.lake.partitions("flights", "batches") == [*EARLIER, DAY]


def test_a_bad_correction_leaves_the_good_batch_published(home):
    home.ingest()
    tables = home.tables()
    home.change(lambda content: content[:5000])
    with pytest.raises(GateRefused):
        home.ingest()
    assert home.tables() == tables


def corrected(content):
    """Three flights changed, one removed, one added; the others stand in another order."""
    rows = pd.read_parquet(io.BytesIO(content))
    rows.loc[[10, 11, 12], "arr_delay"] += 7
    added = rows.iloc[[20]].assign(flight=9998)
    rows = pd.concat([added, rows.drop(index=30)])[::-1]
    return parquet(pa.Table.from_pandas(rows, preserve_index=False))


def test_a_correction_is_known_from_its_day_and_the_rest_from_before(home):
    key = ["carrier", "flight", "origin", "sched_dep_time"]
    before = home.rows(CORRECTED).set_index(key)
    home.change(corrected, day=CORRECTED)
    decision, ref = home.ingest(CORRECTED)
    after = home.rows(CORRECTED).set_index(key)
    assert decision.verdict is Verdict.PASS
    new = after.index.difference(before.index)
    assert [name[1] for name in new] == [9998]
    assert len(before.index.difference(after.index)) == 1
    common = after.index.intersection(before.index)
    moved = after.loc[common, "arr_delay"].fillna(0) != before.loc[common, "arr_delay"].fillna(0)
    assert moved.sum() == 3
    # Four days are published, the last of them 2013-01-10: the correction is known from the day after it.
    assert set(after.loc[new, "known_at"]) == set(after.loc[common][moved]["known_at"]) == {CORRECTION_DAY}
    assert set(after.loc[common][~moved]["known_at"]) == {NEXT_DAY}
    assert set(before["known_at"]) == {NEXT_DAY}
    assert (
        len(home.lake.read("flights", "batches", partitions=[CORRECTED], known_by=NEXT_DAY)) == len(after) - 4
    )
    assert ref.version == home.lake.version("flights", "batches") == len(EARLIER)
    assert set(home.rows(CORRECTED, "profiles")["known_at"]) == {CORRECTION_DAY}
    assert set(home.rows(CORRECTED, "side_weather")["known_at"]) == {NEXT_DAY}


def test_a_correction_again_changes_nothing_even_later(home):
    home.change(corrected, day=CORRECTED)
    home.ingest(CORRECTED)
    home.ingest(DAY)
    tables, head = home.tables(), home.ledger.verify()
    home.ingest(CORRECTED)
    assert home.tables() == tables
    assert home.ledger.verify() == head


def test_types_that_differ_by_the_day_are_no_correction(home):
    """Without fractions and nulls a system may write integers; the rows are the same."""
    home.change(lambda content: whole(content, float))
    home.ingest()
    known = home.rows()["known_at"]
    home.land(["2013-01-12"])
    home.ingest("2013-01-12")
    home.change(lambda content: whole(content, int))
    home.ingest()
    assert home.rows()["known_at"].tolist() == known.tolist()
    assert home.rows()["arr_delay"].dtype == "float64"


def whole(content, kind):
    rows = pd.read_parquet(io.BytesIO(content))
    outcomes = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
    rows[outcomes] = rows[outcomes].fillna(60).astype(kind)
    return parquet(pa.Table.from_pandas(rows, preserve_index=False))


def test_a_day_of_integers_does_not_shut_out_the_days_after_it(landed, flights, tmp_path):
    home = Home(tmp_path / "new", landed, flights)
    home.land([DAY, "2013-01-12"])
    home.change(lambda content: whole(content, int))
    home.change(changed("tailnum", None))
    home.ingest(contract=lenient(flights, tailnum={"max_null_share": 1.0}))
    home.ingest("2013-01-12")
    assert home.rows("2013-01-12")["arr_delay"].isna().any()
    assert home.rows("2013-01-12")["tailnum"].notna().any()


def test_times_as_timestamps_of_any_zone_are_the_same_rows_again(home):
    contents = [
        reshaped(lambda table, zone=zone: timestamps(table, zone))(home.file().read_bytes())
        for zone in ("America/New_York", "America/New_York", "UTC")
    ]
    home.use_case = home.use_case.model_copy(update={"name": "stamps"})
    for place, content in enumerate(contents):
        home.file().write_bytes(content)
        home.ingest()
        if place == 0:
            home.land(["2013-01-12"])
            home.change(reshaped(lambda table: timestamps(table, "UTC")), day="2013-01-12")
            home.ingest("2013-01-12")
            first = home.lake.read("stamps", "batches", partitions=[DAY])
    again = home.lake.read("stamps", "batches", partitions=[DAY])
    assert again["known_at"].tolist() == first["known_at"].tolist()
    assert again["time_hour"].tolist() == first["time_hour"].tolist()


def timestamps(table, zone):
    times = pd.to_datetime(table.column("time_hour").to_pandas(), utc=True).dt.tz_convert(zone)
    return table.set_column(table.schema.get_field_index("time_hour"), "time_hour", pa.array(times))


def lenient(flights, *, mode="fail_closed", **columns):
    """The contract of the flights with another mode and some rules of columns replaced."""
    content = flights.contract.model_dump()
    content["mode"] = mode
    for name, rules in columns.items():
        content["columns"][name] |= rules
    return Contract.model_validate(content)


def test_a_row_whose_time_cannot_be_read_may_belong_to_another_date(home):
    """Also where the contract only warns of it."""
    home.change(changed("time_hour", "soon", rows=slice(0, 2)))
    with pytest.raises(GateRefused, match=r"batch: event_date: 2 of \d+ \(0.2%\).*for example unreadable"):
        home.ingest(contract=lenient(home.use_case, time_hour={"severity": "warn"}))


def test_fail_open_publishes_what_breaks_a_share_and_says_so(home):
    home.change(changed("arr_delay", None, rows=slice(0, 400)))
    decision, _ = home.ingest(contract=lenient(home.use_case, mode="fail_open"))
    assert (decision.verdict, decision.mode) == (Verdict.WARN, "fail_open")
    assert decision.reasons[0] == "let through although refuse, because the use case chose fail_open"
    assert decision.reasons[1].startswith("batch: arr_delay.null_share: ")
    assert home.rows()["arr_delay"].isna().sum() >= 400


UNREADABLE = {
    "missing": None,
    "empty": lambda _: b"",
    "truncated": lambda content: content[:3000],
    "missing column": reshaped(lambda table: table.drop_columns(["origin"])),
}
NEVER = [(table, change) for table in ("flights", "weather") for change in UNREADABLE.values()]
NEVER += [
    ("flights", reshaped(lambda table: table.slice(0, 0))),
    ("flights", reshaped(lambda table: table.append_column("x", table.column("origin")))),
]
NEVER_IDS = [f"{table}: {name}" for table in ("flights", "weather") for name in UNREADABLE]
NEVER_IDS += ["flights: no rows", "flights: extra column"]


@pytest.mark.parametrize(("table", "change"), NEVER, ids=NEVER_IDS)
def test_fail_open_never_publishes_what_cannot_be_read(home, table, change):
    if change is None:
        home.file(table=table).unlink()
    else:
        home.change(change, table=table)
    tables = home.tables()
    with pytest.raises(GateRefused) as caught:
        home.ingest(contract=lenient(home.use_case, mode="fail_open"))
    decision = home.ledger.get(caught.value.decision_id)
    assert (decision.verdict, decision.mode) == (Verdict.REFUSE, "fail_closed")
    assert home.tables() == tables


def test_a_weather_file_without_rows_is_a_warning_and_changes_nothing_twice(home):
    home.change(reshaped(lambda table: table.slice(0, 0)), table="weather")
    decision, _ = home.ingest()
    assert decision.verdict is Verdict.WARN
    assert decision.reasons[0] == "weather: row_count: broken by 1; found 0, allowed 24 to 100"
    tables = home.tables()
    home.ingest()
    assert home.tables() == tables


@pytest.fixture(scope="module")
def winter(landed, flights, tmp_path_factory):
    """Four Fridays and four Saturdays before the blizzard."""
    home = Home(tmp_path_factory.mktemp("winter"), landed, flights)
    days = [partitions.shift(day, -7 * weeks) for weeks in (4, 3, 2, 1) for day in BLIZZARD]
    home.land([*days, *BLIZZARD])
    for day in days:
        home.ingest(day)
    return home


@pytest.mark.parametrize(("day", "share"), [(BLIZZARD[0], "51.1"), (BLIZZARD[1], "57.5")])
def test_the_blizzard_is_refused_for_its_missing_arrivals(winter, day, share):
    with pytest.raises(GateRefused) as caught:
        winter.ingest(day)
    reasons = caught.value.reasons
    nulls = [reason for reason in reasons if reason.startswith("batch: arr_delay.null_share: ")]
    volume = [reason for reason in reasons if reason.startswith("batch: volume: ")]
    assert len(nulls) == len(volume) == 1
    assert f"({share}%) against 30.0%" in nulls[0]
    assert "values of arr_delay where" in volume[0]
    assert volume[0].endswith("a factor of more than 1.5")
    assert day not in winter.lake.partitions("flights", "batches")


def test_of_two_refusals_of_a_day_the_newer_belongs_to_the_history(winter, tmp_path):
    home = Home(shutil.copytree(winter.folder, tmp_path / "home"), winter._upstream, winter.use_case)
    day, next_week = BLIZZARD[0], partitions.shift(BLIZZARD[0], 7)
    with pytest.raises(GateRefused):
        home.ingest(day)
    home.change(reshaped(lambda table: table.slice(0, 100)), day=day)
    with pytest.raises(GateRefused):
        home.ingest(day)
    home.file(next_week).write_bytes(home.file(day).read_bytes())
    with pytest.raises(GateRefused) as caught:
        home.ingest(next_week)
    volumes = home.ledger.get(caught.value.decision_id).evidence["volumes"]
    fridays = [len(home.rows(partitions.shift(day, -7 * weeks))) for weeks in (1, 2, 3)]
    assert volumes[0]["expected"] == pd.Series([100, *fridays]).median()


def test_a_file_that_is_too_large_stays_where_it_landed(home):
    source = home.use_case.source.model_copy(update={"max_file_bytes": 1000})
    tables = home.tables()
    with pytest.raises(GateRefused, match=r"has \d+ bytes, more than source.max_file_bytes 1000"):
        home.ingest(source=source)
    assert home.tables() == tables


def test_a_folder_in_place_of_the_file_is_refused_as_missing(home):
    home.file().unlink()
    home.file().mkdir()
    with pytest.raises(GateRefused, match="is missing"):
        home.ingest()


@pytest.mark.parametrize("day", ["2013-1-7", "", "../x", "2013-02-30"])
def test_a_partition_that_is_no_date_is_refused_before_anything(home, day):
    head = home.ledger.verify()
    with pytest.raises(ConfigurationError, match="is not a date"):
        home.ingest(day)
    assert home.ledger.verify() == head
