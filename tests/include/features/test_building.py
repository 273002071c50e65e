"""Features and labels from rows: against a slow reference, and with a future that must not matter."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import UseCaseError
from include.feature_sets import FeatureSet, load_features
from include.features.building import build_features
from include.features.labels import build_labels
from include.row_keys import row_keys

MIDNIGHT = datetime(2013, 1, 9, 5, tzinfo=UTC)  # in New York
KNOWN = date(2013, 1, 10)
DAY = "2013-01-09"
LEAD, TOLERANCE = 60, 240
NUMBER = {"kind": "number", "inputs": ["seats"], "description": "none"}


def moment(minutes):
    return (MIDNIGHT + timedelta(minutes=minutes)).isoformat()


def trips_at(minutes, stations=None, **columns):
    """Return rows of trips that leave so many minutes after midnight."""
    frame = pd.DataFrame({"trip": range(len(minutes)), "leaves": [moment(minute) for minute in minutes]})
    frame["station"] = ["JFK"] * len(minutes) if stations is None else stations
    return frame.assign(**{"seats": 100.0, "known_at": KNOWN, "partition": DAY} | columns)


def rain(points, known=KNOWN):
    """Return rows of weather from (station, minutes after midnight, inches)."""
    frame = pd.DataFrame(points, columns=["station", "minutes", "rain"])
    frame["measured"] = [moment(minute) for minute in frame.pop("minutes")]
    return frame.assign(rain=frame["rain"].astype("float64"), known_at=known, partition=DAY)


def rainy(lead=LEAD, tolerance=TOLERANCE):
    features = FeatureSet()
    features.joined(
        name="rain",
        kind="number",
        table="weather",
        column="rain",
        by=("station",),
        time="measured",
        lead_minutes=lead,
        tolerance_minutes=tolerance,
        description="inches",
    )
    return features


def of_rows(build, **options):
    features = FeatureSet()
    build.__name__ = "x"
    features.row(**NUMBER | options)(build)
    return features


def built(trips, features, rows, weather=None):
    """Build, and return the rows in the order in which they were given."""
    found, outside = build_features(trips, features, rows, {} if weather is None else {"weather": weather})
    order = pd.Index(found["row_key"]).get_indexer(row_keys(trips, rows))
    return found.take(order).reset_index(drop=True), outside[DAY]


@pytest.fixture(scope="module")
def real(featured_home, open_home):
    workspace = open_home(featured_home)
    use_case = workspace.use_case("flights")
    rows = workspace.lake.read("flights", "batches", partitions=["2013-01-09"])
    weather = workspace.lake.read("flights", "side_weather", partitions=["2013-01-08", "2013-01-09"])
    sums = workspace.lake.read("flights", "feature_aggregates")
    return use_case, load_features(use_case, workspace.settings), rows, weather, sums


# Keys


def test_the_keys_of_real_flights_are_unique_and_the_same_for_features_and_labels(real):
    use_case, features, rows, weather, sums = real
    found, _ = build_features(use_case, features, rows, {"weather": weather}, sums)
    assert found["row_key"].is_unique
    assert len(found) == len(rows) == 902
    assert found["row_key"].tolist() == build_labels(use_case, rows, "2013-01-09")["row_key"].tolist()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (["trip", "station"], ["1|JFK", "12|LGA", "2|"]),
        (["station", "trip"], ["JFK|1", "LGA|12", "|2"]),
        (["trip"], ["1", "12", "2"]),
    ],
)
def test_a_key_joins_its_columns(trips, changed, key, expected):
    rows = pd.DataFrame({"trip": [1, 12, 2], "station": ["JFK", "LGA", None]})
    assert row_keys(changed(trips, {"problem.key": key}), rows).tolist() == expected


# The join in time

points = st.tuples(st.sampled_from(["JFK", "LGA"]), st.integers(-600, 1500))
weathers = st.lists(points, max_size=25, unique=True)
events = st.lists(points, min_size=1, max_size=12)


def slow_join(events, weather, lead, tolerance):
    """Return for each event the newest value of its station in the window that ends `lead` before it."""
    found = []
    for station, minute in events:
        usable = [
            (at, value)
            for where, at, value in weather
            if where == station and minute - lead - tolerance <= at <= minute - lead
        ]
        found.append(max(usable)[1] if usable else None)
    return found


@given(events, weathers, st.integers(0, 180), st.integers(1, 600))
@settings(deadline=None)
def test_the_join_agrees_with_a_slow_one(trips, events, weathers, lead, tolerance):
    weather = [(station, at, float(index)) for index, (station, at) in enumerate(weathers)]
    rows = trips_at([minute for _, minute in events], [station for station, _ in events])
    found, _ = built(trips, rainy(lead, tolerance), rows, rain(weather))
    values = found["rain"].astype(object).where(found["rain"].notna(), None).tolist()
    assert values == slow_join(events, weather, lead, tolerance)


@pytest.fixture(scope="module")
def before(real):
    """The real day, built from the weather as it was."""
    use_case, features, rows, weather, sums = real
    built, _ = build_features(use_case, features, rows, {"weather": weather}, sums)
    return built


@given(st.integers(0, 1440), st.floats(-1e6, 1e6))
@settings(deadline=None, max_examples=25)
def test_weather_from_the_future_changes_no_earlier_flight(real, before, minute, value):
    """Rows planted one second after the newest that a departure may see, at every airport."""
    use_case, features, rows, weather, sums = real
    until = MIDNIGHT + timedelta(minutes=minute)
    planted = pd.DataFrame({"origin": ["EWR", "JFK", "LGA"], "known_at": KNOWN, "partition": DAY}).assign(
        time_hour=(until - timedelta(minutes=60) + timedelta(seconds=1)).isoformat(),
        wind_speed=value,
        precip=value,
        visib=value,
    )
    after, _ = build_features(use_case, features, rows, {"weather": pd.concat([weather, planted])}, sums)
    early = before["event_time"] <= until
    pd.testing.assert_frame_equal(before[early], after[early])


def test_weather_that_may_be_seen_changes_the_flights_after_it(real):
    use_case, features, rows, weather, sums = real
    at = MIDNIGHT + timedelta(hours=12)
    planted = pd.DataFrame(
        {"origin": ["JFK"], "time_hour": at.isoformat(), "wind_speed": 77.0, "known_at": KNOWN}
    ).assign(partition=DAY)
    found, _ = build_features(use_case, features, rows, {"weather": pd.concat([weather, planted])}, sums)
    gusty = found[found["wind_speed"] == 77.0]
    assert set(gusty["origin"]) == {"JFK"}
    assert gusty["event_time"].min() >= at + timedelta(minutes=60)


JOINS = {
    "exactly the lead before": (60, [("JFK", 0, 1.0)], 1.0),
    "one minute too fresh": (59, [("JFK", 0, 1.0)], None),
    "exactly the tolerance": (300, [("JFK", 0, 1.0)], 1.0),
    "one minute too old": (301, [("JFK", 0, 1.0)], None),
    "the newest of two": (200, [("JFK", 0, 1.0), ("JFK", 10, 2.0)], 2.0),
    "in any order": (200, [("JFK", 10, 2.0), ("JFK", 0, 1.0)], 2.0),
    "another station": (200, [("LGA", 0, 1.0)], None),
    "across midnight": (30, [("JFK", -31, 1.0)], 1.0),
    "a null is a value": (200, [("JFK", 0, 1.0), ("JFK", 10, None)], None),
    "no weather at all": (200, [], None),
}


@pytest.mark.parametrize(("minute", "weather", "expected"), JOINS.values(), ids=JOINS)
def test_the_edges_of_the_join(trips, minute, weather, expected):
    found, _ = built(trips, rainy(), trips_at([minute]), rain(weather))
    assert found["rain"].astype(object).where(found["rain"].notna(), None).tolist() == [expected]


def test_times_compare_whatever_they_are_written_as(trips):
    """Text with different offsets, timestamps of another resolution, and times that nobody can read."""
    rows = trips_at([300]).assign(leaves=pd.to_datetime([moment(300)]).as_unit("ms"))
    weather = rain([("JFK", 0, 1.0), ("JFK", 100, 2.0), ("JFK", 200, 3.0)])
    weather["measured"] = ["2013-01-09T00:00:00-05:00", "2013-01-09T08:40:00+02:00", "in the morning"]
    found, _ = built(trips, rainy(), rows, weather)
    assert found["rain"].tolist() == [2.0]
    assert str(found["event_time"].dtype) == "datetime64[us, UTC]"


def test_a_row_is_known_when_the_last_of_its_parts_is(trips):
    later = rain([("JFK", 0, 1.0)], known=date(2013, 2, 1))
    rows = trips_at([60, 60, 60], ["JFK", "LGA", "JFK"], known_at=[KNOWN, KNOWN, date(2013, 3, 1)])
    found, _ = built(trips, rainy(), rows, later)
    assert found["known_at"].tolist() == [date(2013, 2, 1), KNOWN, date(2013, 3, 1)]


# Values


def test_values_outside_their_range_become_null_and_are_counted(trips):
    features = of_rows(lambda rows: rows["seats"], low=0, high=10)
    values = [-0.1, 0, 5, 10, 10.1, np.nan, np.inf, -np.inf]
    found, outside = built(trips, features, trips_at([0] * 8, seats=values))
    assert outside == {"x": 2}
    np.testing.assert_array_equal(found["x"], [np.nan, 0, 5, 10, np.nan, np.nan, np.nan, np.nan])


def test_an_open_side_has_no_limit(trips):
    values = [-1e9, 1e9]
    found, outside = built(trips, of_rows(lambda rows: rows["seats"]), trips_at([0, 0], seats=values))
    assert (found["x"].tolist(), outside) == (values, {})


def test_a_missing_category_is_none_whatever_it_was(trips):
    features = of_rows(lambda rows: rows["station"], kind="category", inputs=["station"])
    found, _ = built(trips, features, trips_at([0] * 3, ["JFK", np.nan, pd.NA]))
    assert found["x"].tolist() == ["JFK", None, None]


def test_values_stay_with_their_rows_when_a_function_sorts_them(trips):
    features = of_rows(lambda rows: rows["seats"].sort_values())
    found, _ = built(trips, features, trips_at([0] * 3, seats=[3.0, 1.0, 2.0]))
    assert found["x"].tolist() == [3.0, 1.0, 2.0]


def test_a_function_cannot_change_what_others_see(trips):
    def build(rows):
        rows["seats"] = -1.0
        return rows["seats"]

    features = of_rows(build)
    features.row(**NUMBER)(lambda rows: rows["seats"])
    rows = trips_at([0], seats=5.0)
    found, _ = built(trips, features, rows)
    assert (found["x"].tolist(), found["<lambda>"].tolist()) == ([-1.0], [5.0])
    assert rows["seats"].tolist() == [5.0]


def test_batches_may_carry_any_index(trips):
    rows = trips_at([0, 0], seats=[1.0, 2.0]).set_axis([7, 7])
    found, _ = built(trips, of_rows(lambda rows: rows["seats"]), rows)
    assert found["x"].tolist() == [1.0, 2.0]


FAULTS = {
    "it raises": (lambda rows: 1 / 0, "'x' fails: ZeroDivisionError"),
    "an undeclared column": (lambda rows: rows["delay"], "'x' fails: KeyError"),
    "one value": (lambda rows: 5.0, "must return a Series with one value for each of the 3 rows"),
    "an array": (lambda rows: rows["seats"].to_numpy(), "must return a Series"),
    "too few": (lambda rows: rows["seats"].head(2), "must return a Series"),
    "other rows": (lambda rows: rows["seats"].set_axis([5, 6, 7]), "under the rows' index"),
    "text for a number": (lambda rows: rows["seats"].astype(str) + "!", "'x' is declared a number, but"),
}


@pytest.mark.parametrize(("build", "message"), FAULTS.values(), ids=FAULTS)
def test_a_wrong_definition_is_named(trips, build, message):
    with pytest.raises(UseCaseError, match=message):
        built(trips, of_rows(build), trips_at([0] * 3, delay=1.0))


# Labels


def test_cancelled_flights_have_no_label(real):
    use_case, _, rows, _, _ = real
    named = build_labels(use_case, rows, DAY).set_index("row_key")["label"]
    label = named.loc[row_keys(use_case, rows)].reset_index(drop=True)
    cancelled = rows["arr_delay"].isna()
    assert cancelled.sum() > 0
    assert label.isna().equals(cancelled)
    assert (label.dropna() == 1).tolist() == (rows["arr_delay"].dropna() > 15).tolist()


@pytest.mark.parametrize("delay_days", [0, 1, 5])
def test_a_label_is_known_after_its_delay_and_never_before_its_row(trips, changed, delay_days):
    rows = trips_at([0, 0], delay=[16.0, 15.0], known_at=[KNOWN, date(2013, 1, 12)])
    found = build_labels(changed(trips, {"labels.delay_days": delay_days}), rows, "2013-01-09")
    arrival = date(2013, 1, 9) + timedelta(days=delay_days)
    assert found["known_at"].tolist() == [max(KNOWN, arrival), max(date(2013, 1, 12), arrival)]
    assert found["label"].tolist() == [1, 0]


@pytest.mark.parametrize(
    "outcome",
    [
        pd.Series([1.0, 0.0, np.nan]),
        pd.Series([1, 0, None], dtype="Int64"),
        pd.Series([True, False, None], dtype="object"),
        pd.Series([True, False, None], dtype="boolean"),
    ],
    ids=["floats", "integers", "objects", "booleans"],
)
def test_a_label_may_stand_in_its_column(trips, changed, outcome):
    labels = {"kind": "column", "column": "arrived", "delay_days": 1, "post_outcome_columns": []}
    rows = trips_at([0] * 3, arrived=outcome)
    label = build_labels(changed(trips, {"labels": labels}), rows, "2013-01-09")["label"]
    assert label.isna().tolist() == [False, False, True]
    assert label.dropna().tolist() == [1, 0]
