"""Rebuilding a range: which days are stale and why; a rebuild equals a build in order, to the byte."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from include import partitions
from include.errors import Awaited, GateRefused
from include.features.rebuilding import rebuild, stale
from include.features.stage import build
from include.settings import Settings
from include.workspace import Workspace

DAYS = partitions.span("2013-01-05", "2013-01-14")
LATE = "2013-01-08"
WINDOW = 3
TABLES = ("feature_aggregates", "labels", "feature_profiles", "features")
FEATURES = """
from include.feature_sets import FeatureSet

features = FeatureSet()


@features.row(kind="number", inputs=["seats"], description="seats")
def seats(rows):
    return rows["seats"] * {factor}


features.joined(
    name="rain", kind="number", table="weather", column="rain", by=("station",), time="measured",
    lead_minutes=60, tolerance_minutes=600, max_null_share=1.0, when_missing="{missing}",
    description="inches",
)
features.history(
    name="late", kind="number", by=("station",), window_days=3, value="label", max_null_share=1.0,
    description="late share",
)
features.history(
    name="trips", kind="number", by=("station",), window_days=2, measure="count", description="trips",
)
"""


def batch(day, count=20):
    """Rows of one day, the same for the same day."""
    random = np.random.default_rng(int(day[-2:]))
    delay = random.normal(12, 9, count).round(3)
    return pd.DataFrame(
        {
            "trip": range(count),
            "station": random.choice(["JFK", "LGA"], count),
            "leaves": f"{day}T12:00:00-05:00",
            "seats": random.integers(1, 200, count).astype("float64"),
            "delay": np.where(random.random(count) < 0.1, np.nan, delay),
            "arrived": 1.0,
        }
    )


def weather(day):
    return pd.DataFrame(
        {"station": ["JFK", "LGA"], "measured": f"{day}T08:00:00-05:00", "rain": [float(day[-2:]), 0.5]}
    )


def put(workspace, table, day, rows, known=None):
    """Publish as ingestion does."""
    known = known or partitions.available_at(day)
    workspace.lake.write_partition(
        "trips", table, day, rows.assign(known_at=known), source_hash="s", contract_hash="c"
    )


def land(workspace, days):
    for day in days:
        put(workspace, "side_weather", day, weather(day))
        put(workspace, "batches", day, batch(day))


@pytest.fixture
def home(tmp_path):
    """Return a home of trips with declared features, by name."""

    def make(name, *, factor=1, missing="null"):
        folder = tmp_path / name / "use_cases" / "trips"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "features.py").write_text(FEATURES.format(factor=factor, missing=missing))
        return Workspace(Settings(home=tmp_path / name, use_cases_dir=folder.parent, _env_file=None))

    return make


def built(workspace, trips, days):
    for day in days:
        build(trips, day, actor="tests", workspace=workspace)


def content(workspace):
    """The rows of all tables but for the clock, and the hashes that name them."""
    return {
        table: workspace.lake.read("trips", table).drop(columns="ingested_at").reset_index(drop=True)
        for table in TABLES
    }


def files(workspace):
    root = workspace.settings.home / "lake" / "trips"
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def assert_same(one, other):
    for table, rows in content(one).items():
        pd.testing.assert_frame_equal(rows, content(other)[table], obj=table)


def test_a_range_equals_days_built_one_after_the_other(home, trips):
    daily, ranged = home("daily"), home("ranged")
    land(daily, DAYS)
    land(ranged, DAYS)
    built(daily, trips, DAYS)
    seen = []
    found = rebuild(
        trips, [*reversed(DAYS), "2013-02-01"], actor="tests", workspace=ranged, progress=seen.append
    )
    assert (found.changed, found.unchanged, found.refused, found.missing) == (DAYS, [], {}, ["2013-02-01"])
    assert seen == DAYS
    assert_same(daily, ranged)
    assert [one.fingerprint for one in daily.ledger.find()] == [
        one.fingerprint for one in ranged.ledger.find()
    ]


def test_a_late_batch_makes_exactly_the_days_within_reach_stale(home, trips):
    late, in_order = home("late"), home("in_order")
    others = [day for day in DAYS if day != LATE]
    land(late, others)
    built(late, trips, others)
    assert stale(trips, DAYS, late) == {}
    land(late, [LATE])
    build(trips, LATE, actor="tests", workspace=late)
    expected = partitions.span(partitions.shift(LATE, 1), partitions.shift(LATE, WINDOW))
    before = files(late)
    found = stale(trips, DAYS, late)
    # In the night after the 8th, events looked back to weather that was not there either.
    assert found.pop(expected[0]) == "a side table and the history changed since"
    assert found == dict.fromkeys(expected[1:], "the history changed since")
    assert files(late) == before
    found = rebuild(trips, DAYS, actor="tests", workspace=late)
    assert (found.changed, found.unchanged) == (expected, [day for day in DAYS if day not in expected])
    land(in_order, DAYS)
    built(in_order, trips, DAYS)
    assert_same(late, in_order)
    assert stale(trips, DAYS, late) == {}
    before = files(late)
    assert rebuild(trips, DAYS, actor="tests", workspace=late).unchanged == DAYS
    assert files(late) == before


def test_a_correction_is_seen_from_the_day_on_which_it_was_known(home, trips):
    """Ten rows of the 8th are replaced on the 10th: the 9th loses them and does not see the new ones."""
    workspace = home("corrected")
    land(workspace, DAYS)
    built(workspace, trips, DAYS)
    rows = batch(LATE)
    rows.loc[:9, "delay"] = 99.0
    corrected = date(2013, 1, 10)
    known = [corrected if number < 10 else partitions.available_at(LATE) for number in range(20)]
    put(workspace, "batches", LATE, rows, known)
    found = stale(trips, DAYS, workspace)
    assert found[LATE] == "the batch changed since"
    assert sorted(found) == partitions.span(LATE, partitions.shift(LATE, WINDOW))
    rebuild(trips, list(found), actor="tests", workspace=workspace)

    def trips_of(day):
        rows = workspace.lake.read("trips", "features", partitions=[day])
        return rows.drop_duplicates("trips")["trips"].sum()

    assert trips_of("2013-01-09") == 20 + 10
    assert trips_of("2013-01-10") == 20 + 20


def test_changed_definitions_make_all_days_stale(home, trips):
    workspace = home("changed")
    land(workspace, DAYS[:4])
    built(workspace, trips, DAYS[:4])
    workspace = home("changed", factor=2)
    assert stale(trips, DAYS, workspace) == dict.fromkeys(DAYS[:4], "the definitions changed since")
    sums = workspace.lake.version("trips", "feature_aggregates")
    assert rebuild(trips, DAYS[:4], actor="tests", workspace=workspace).changed == DAYS[:4]
    assert stale(trips, DAYS, workspace) == {}
    # What is summed up each day is the same, and labels do not follow from features.
    assert workspace.lake.version("trips", "feature_aggregates") == sums
    assert len(workspace.lake.feature_set_versions("trips")) == 2


def test_a_refused_day_of_a_range_holds_back_no_other(home, trips):
    workspace = home("refused")
    land(workspace, DAYS[:4])
    twice = batch(DAYS[1])
    twice["trip"] = 1
    put(workspace, "batches", DAYS[1], twice)
    found = rebuild(trips, DAYS[:4], actor="tests", workspace=workspace)
    assert found.changed == [DAYS[0], *DAYS[2:4]]
    decision = workspace.ledger.get(found.refused[DAYS[1]])
    assert "row keys appear more than once" in decision.reasons[0]
    assert workspace.lake.partitions("trips", "features") == found.changed


MISSING = {
    "null": ("null", False, "pass"),
    "refuse": ("refuse", True, "nothing was published of the side table weather"),
    "wait, as long as there is patience": ("wait", True, "Nothing was published yet of weather"),
    "wait, after that": ("wait", False, "nothing was published of the side table weather"),
}


@pytest.mark.parametrize(("policy", "patient", "expected"), MISSING.values(), ids=MISSING)
def test_a_side_table_that_is_not_there(home, trips, policy, patient, expected):
    workspace, day = home("missing", missing=policy), DAYS[0]
    put(workspace, "batches", day, batch(day))
    ask = {"actor": "tests", "workspace": workspace, "patient": patient}
    if expected == "pass":
        assert build(trips, day, **ask)[0].verdict.value == "pass"
        return
    kind = Awaited if "yet" in expected else GateRefused
    with pytest.raises(kind, match=expected):
        build(trips, day, **ask)
    assert len(workspace.ledger.find()) == (kind is GateRefused)
    put(workspace, "side_weather", day, weather(day))
    assert build(trips, day, **ask)[0].verdict.value == "pass"


def twice(rows):
    return pd.concat([rows, rows.head(1).assign(rain=7.0)])


FAULTS = {
    "the same time twice": (twice, "says different things at 1 times on 2013-01-05, such as station=JFK"),
    "no zone": (lambda rows: rows.assign(measured="2013-01-05T08:00:00"), "has 2 times without a zone on"),
    "a date alone is no time": (lambda rows: rows.assign(measured="yesterday"), None),
    "the same row twice": (lambda rows: pd.concat([rows, rows]), None),
}


@pytest.mark.parametrize(("change", "expected"), FAULTS.values(), ids=FAULTS)
def test_faults_of_a_side_table_are_named(home, trips, change, expected):
    workspace, day = home("faulty"), DAYS[0]
    land(workspace, DAYS[:3])
    put(workspace, "side_weather", day, change(weather(day)))
    if expected is None:
        build(trips, day, actor="tests", workspace=workspace)
        return
    with pytest.raises(GateRefused, match=expected):
        build(trips, day, actor="tests", workspace=workspace)
    with pytest.raises(GateRefused, match=expected):  # its events look back as far as the day before
        build(trips, DAYS[1], actor="tests", workspace=workspace)
    build(trips, DAYS[2], actor="tests", workspace=workspace)


def test_a_killed_rebuild_goes_on(home, trips, monkeypatch):
    """Ended after the profiles and before the features: the next run writes what is missing."""
    workspace = home("killed")
    land(workspace, DAYS)
    write = workspace.lake.write_partitions

    def dying(use_case, table, *arguments, **options):
        if table == "features":
            raise KeyboardInterrupt
        return write(use_case, table, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(workspace.lake, "write_partitions", dying)
        with pytest.raises(KeyboardInterrupt):
            rebuild(trips, DAYS, actor="tests", workspace=workspace)
    assert rebuild(trips, DAYS, actor="tests", workspace=workspace).changed == DAYS
    whole = home("whole")
    land(whole, DAYS)
    rebuild(trips, DAYS, actor="tests", workspace=whole)
    assert_same(workspace, whole)


def test_a_batch_is_known_no_earlier_than_its_event(home, trips):
    workspace, day = home("early"), DAYS[0]
    put(workspace, "batches", day, batch(day), partitions.parse(day) - timedelta(days=1))
    with pytest.raises(GateRefused, match="20 rows may be seen before the date of their event"):
        build(trips, day, actor="tests", workspace=workspace)
