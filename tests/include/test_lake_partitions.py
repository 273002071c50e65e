"""Many partitions in one commit, and feature sets side by side: in a folder, in S3, and in a simulation."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pandas as pd
import pytest

from include import partitions
from include.errors import ConfigurationError
from include.hashing import hash_rows, hash_slices
from include.lake import FEATURE_SET_VERSION, Lake
from include.simulation.tables import SharedTables, SimulatedLake
from include.storage import open_store

DAYS = partitions.span("2013-01-01", "2013-01-05")
SOURCES = {day: f"source of {day}" for day in DAYS}
OLD, NEW = "a" * 16, "b" * 16


def rows_of(day, count=4, *, value=0.0):
    numbers = np.arange(count) + partitions.parse(day).day + value
    return pd.DataFrame(
        {
            "row_key": [f"{day}-{number}" for number in range(count)],
            "x": numbers.astype("float64"),
            "category": pd.Series([None, *["é"] * (count - 1)][:count], dtype=object),
            "flag": [True] * count,
            "at": pd.to_datetime([day] * count, utc=True).astype("datetime64[us, UTC]"),
            "known_at": [date(2013, 1, 8)] * count,
        }
    )


def many(days=tuple(DAYS), **arguments):
    found = [rows_of(day, **arguments).assign(partition=day) for day in days or DAYS]
    return pd.concat(found, ignore_index=True).iloc[: None if days else 0]


def write(lake, rows, sources=SOURCES, *, contract="c", version=None, table="features"):
    return lake.write_partitions(
        "uc", table, rows, source_hashes=sources, contract_hash=contract, version=version
    )


def simulated():
    days = {"2013-12-31": {}}
    return SimulatedLake(SharedTables(Lake("/nowhere/at/all"), "uc", days))


@pytest.fixture(params=["local", "simulated", pytest.param("s3", marks=pytest.mark.servers)])
def lake(request, tmp_path):
    if request.param == "simulated":
        return simulated()
    place = str(tmp_path / "lake")
    if request.param == "s3":
        place = f"{request.getfixturevalue('s3_bucket')}/the/lake"
    settings = request.getfixturevalue("settings")
    return Lake.from_settings(settings.model_copy(update={"lake_url": place}))


@pytest.fixture
def files(tmp_path, settings):
    """The bytes of the local lake's files."""
    place = str(tmp_path / "lake")
    store = open_store(place, settings.model_copy(update={"lake_url": place}))
    return lambda: {key: store.get(key) for key in store.list()}


def test_all_partitions_in_one_commit_equal_each_written_alone(lake, tmp_path):
    shuffled = many().sample(frac=1, random_state=1).sort_values("row_key", kind="stable")
    assert str(write(lake, shuffled)) == "uc/features@0[2013-01-01..2013-01-05]"
    other = Lake(str(tmp_path / "other"))
    for day in DAYS:
        other.write_partition(
            "uc", "features", day, rows_of(day), source_hash=SOURCES[day], contract_hash="c"
        )
        assert lake.content_hash("uc", "features", day) == other.content_hash("uc", "features", day)
    drop = {"columns": "ingested_at"}
    one, two = lake.read("uc", "features").drop(**drop), other.read("uc", "features").drop(**drop)
    pd.testing.assert_frame_equal(one[sorted(one)], two[sorted(two)])


@pytest.mark.parametrize(
    ("change", "commits"),
    [
        ({}, 0),
        ({"contract": "d"}, 1),
        ({"rows": many(value=1.0)}, 1),
        ({"rows": many(DAYS[1:])}, 1),
        ({"sources": SOURCES | {DAYS[3]: "another"}}, 1),
        ({"sources": {"2013-01-09": "none"}, "rows": many([])}, 0),
    ],
    ids=["same", "rules", "values", "one is emptied", "one source", "nothing to empty"],
)
def test_a_commit_only_for_what_changed(lake, change, commits):
    before = write(lake, many()).version
    arguments = {"rows": many(), "sources": SOURCES, "contract": "c"} | change
    assert write(lake, **arguments).version == before + commits
    assert write(lake, **arguments).version == before + commits
    found = lake.read("uc", "features")
    if "2013-01-09" not in arguments["sources"]:
        assert found.x.tolist() == arguments["rows"].x.tolist()
        assert dict(zip(found.partition, found.source_hash, strict=True)) == {
            day: source
            for day, source in arguments["sources"].items()
            if day in set(arguments["rows"].partition)
        }


def test_partitions_that_did_not_change_keep_their_files(lake, files):
    if type(lake) is not Lake or lake.root.startswith("s3"):
        pytest.skip("only files of a folder are looked at")
    write(lake, many())
    before = files()
    write(lake, pd.concat([many(DAYS[:4]), many(DAYS[4:], value=1.0)]))
    new = [key for key in files() if key not in before and key.endswith(".parquet")]
    assert len(new) == 1
    assert DAYS[4] in new[0]


def test_two_feature_sets_stand_side_by_side(lake):
    write(lake, many(), version=OLD)
    write(lake, many(value=0.5), version=NEW)
    write(lake, many(DAYS[:2], value=0.5), dict.fromkeys(DAYS[:2], "again"), version=NEW)
    for version, value in ((OLD, 0.0), (NEW, 0.5)):
        found = lake.read("uc", "features", feature_set_version=version)
        assert found.x.tolist() == many(value=value).x.tolist()
        assert set(found[FEATURE_SET_VERSION]) == {version}
        one = lake.read("uc", "features", feature_set_version=version, partitions=DAYS[1:2], columns=["x"])
        assert one.x.tolist() == rows_of(DAYS[1], value=value).x.tolist()
        assert lake.partitions("uc", "features", feature_set_version=version) == DAYS
    assert lake.partitions("uc", "features") == DAYS
    assert lake.feature_set_versions("uc") == {OLD: dict.fromkeys(DAYS, 4), NEW: dict.fromkeys(DAYS, 4)}
    assert lake.partitions("uc", "features", feature_set_version="c") == []
    assert lake.read("uc", "features", feature_set_version="c").empty
    hashes = [
        lake.content_hash("uc", "features", DAYS[0], feature_set_version=one) for one in (OLD, NEW, None)
    ]
    assert len(set(hashes)) == 3
    assert lake.content_hash("uc", "features", DAYS[0], feature_set_version="c") is None


def test_one_set_is_emptied_or_all_are_replaced(lake):
    for version in (OLD, NEW):
        write(lake, many(), version=version)
    gone = DAYS[1]
    lake.write_partition(
        "uc",
        "features",
        gone,
        many([]).drop(columns="partition"),
        source_hash="",
        contract_hash="",
        version=OLD,
    )
    assert lake.partitions("uc", "features", feature_set_version=OLD) == [DAYS[0], *DAYS[2:]]
    assert lake.partitions("uc", "features") == DAYS
    write(lake, many([gone]).assign(**{FEATURE_SET_VERSION: OLD}), {gone: ""})
    assert gone not in lake.partitions("uc", "features", feature_set_version=NEW)
    assert gone in lake.partitions("uc", "features", feature_set_version=OLD)


def test_a_set_that_is_rewritten_leaves_the_bytes_of_the_other(tmp_path, files):
    lake = Lake(str(tmp_path / "lake"))
    write(lake, many(), version=OLD)
    old = {key: content for key, content in files().items() if OLD in key}
    for value in (0.5, 0.6):
        write(lake, many(value=value), version=NEW)
    assert len(old) == len(DAYS)
    assert {key: content for key, content in files().items() if OLD in key} == old


def test_a_table_from_before_feature_sets_had_files_of_their_own(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    write(lake, many(), table="feature_profiles")  # without the column
    assert lake.feature_set_versions("uc", "feature_profiles") == {}
    assert lake.read("uc", "feature_profiles", feature_set_version=OLD).empty
    for version in (OLD, NEW, OLD):
        write(lake, many(), version=version, table="feature_profiles")
    assert lake.feature_set_versions("uc", "feature_profiles") == {
        version: dict.fromkeys(DAYS, 4) for version in (OLD, NEW)
    }
    assert len(lake.read("uc", "feature_profiles")) == 2 * len(many())


def test_writers_at_the_same_time(lake):
    if isinstance(lake, SimulatedLake):
        pytest.skip("a simulation is one thread")
    jobs = [(version, day) for version in (OLD, NEW) for day in DAYS[:2]]
    start = threading.Barrier(2 * len(jobs))

    def job(place):
        version, day = jobs[place // 2]
        start.wait()
        write(lake, many([day, DAYS[4]], value=place % 2), {day: "s", DAYS[4]: day}, version=version)

    with ThreadPoolExecutor(2 * len(jobs)) as pool:
        list(pool.map(job, range(2 * len(jobs))))
    for version in (OLD, NEW):
        found = lake.read("uc", "features", feature_set_version=version)
        for day in (*DAYS[:2], DAYS[4]):
            values = found[found.partition == day].x.tolist()
            assert values in [rows_of(day, value=value).x.tolist() for value in (0, 1)]


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        (many(), {"sources": {DAYS[0]: ""}}, "not named in source_hashes"),
        (many([]), {"sources": {"2013-1-1": ""}}, "is not a date"),
        (many(), {"version": "x' OR 'a'='a"}, "is no version of a feature set"),
        (many(), {"version": "../x"}, "is no version of a feature set"),
    ],
)
def test_what_is_refused_writes_nothing(lake, rows, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        write(lake, rows, **arguments)
    assert lake.version("uc", "features") == -1


def test_a_table_of_feature_sets_takes_no_rows_without_one(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    write(lake, many(), version=OLD)
    with pytest.raises(ConfigurationError, match="name the version of their feature set"):
        write(lake, many())


def test_a_part_is_hashed_as_if_it_were_alone():
    mixed = pd.DataFrame(
        {
            "text": ["a", None, "b", None, None],
            "mixed": pd.Series(["a", None, 1, None, "x"], dtype=object),
            "day": [None, None, date(2013, 1, 1), None, date(2013, 1, 2)],
            "number": [0.0, -0.0, None, 1.5, np.inf],
            "category": pd.Categorical(["u", "v", "u", None, "v"]),
        }
    )
    slices = {"first": slice(0, 2), "none": slice(2, 2), "rest": slice(2, 5)}
    salts = {"first": "s", "none": "", "rest": "t"}
    assert hash_slices(mixed, slices, salts) == {
        name: hash_rows(mixed.iloc[place], salt=salts[name]) for name, place in slices.items()
    }
