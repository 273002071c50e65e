"""Requests are answered with the very bits that the batch build gives for the same facts."""

import json
import math
import struct
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from cli.landing import land_flights
from include import partitions
from include.feature_sets import FeatureSet
from include.features.building import build_features
from include.features.history import daily_aggregates, wanted_of
from include.features.online import OnlineFeatures, materialise, open_online_store, push_side_rows
from include.lake import Lake
from include.settings import Settings

NEW_YORK = ZoneInfo("America/New_York")
SIGNED = struct.Struct("<d")
# The days around both changes of the clocks in New York: 10 March and 3 November.
SPANS = (("2013-03-08", "2013-03-11"), ("2013-11-01", "2013-11-04"))
BUILT = ("2013-03-10", "2013-03-11", "2013-11-03", "2013-11-04")
RESULTS = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")


def of_all_kinds():
    """Return features of all three kinds that read all types of columns."""
    features = FeatureSet()

    @features.row(kind="category", inputs=["carrier"], description="text")
    def carrier(rows):
        return rows["carrier"]

    @features.row(kind="category", inputs=["tailnum"], description="text that may be null")
    def fleet(rows):
        return rows["tailnum"].str[-2:]

    @features.row(kind="category", inputs=["flight"], description="an integer")
    def line(rows):
        return rows["flight"]

    @features.row(kind="number", inputs=["hour", "minute"], high=1320, description="integers, and a range")
    def departure_minute(rows):
        return rows["hour"] * 60 + rows["minute"]

    @features.row(kind="number", inputs=["distance"], description="bits that no decimal holds")
    def closeness(rows):
        return 1 / (rows["distance"] - 199)  # infinite for one distance

    @features.row(kind="number", inputs=["time_hour"], description="a time that batches hold as text")
    def utc_hour(rows):
        return rows["time_hour"].str[11:13].astype("float64")

    @features.row(
        kind="number",
        inputs=["origin"],
        scope="batch",
        online="may_be_missing",
        description="compares the rows of a day",
    )
    def flights_of_day(rows):
        return rows.groupby("origin")["origin"].transform("size")

    for name, column, lead, tolerance in [
        ("wind", "wind_speed", 60, 240),
        ("rain", "precip", 60, 240),
        ("old_rain", "precip", 1500, 90),
    ]:
        features.joined(
            name=name,
            kind="number",
            table="weather",
            column=column,
            by=("origin",),
            time="time_hour",
            lead_minutes=lead,
            tolerance_minutes=tolerance,
            high=20.0,
            description="weather",
        )
    for name, by, days, measure, value in [
        ("late_carrier", ("carrier",), 3, "mean", "label"),
        ("late_there", ("origin", "hour"), 7, "mean", "label"),
        ("delay_there", ("origin", "hour"), 2, "sum", "arr_delay"),
        ("flights_there", ("dest",), 7, "count", ""),
        ("flights_of_plane", ("tailnum",), 7, "count", ""),
        ("miles_of_plane", ("tailnum",), 7, "mean", "distance"),
    ]:
        features.history(
            name=name,
            kind="number",
            by=by,
            window_days=days,
            measure=measure,
            value=value,
            min_values=1 if measure == "count" else 2,
            description="the past",
        )
    return features


class Until(Lake):
    """A lake as it was when only the partitions up to one day were published."""

    def __init__(self, lake, last):
        super().__init__(lake.root)
        self.last = last

    def read(self, use_case, table, *, partitions=None, **options):
        return super().read(
            use_case, table, partitions=[day for day in partitions if day <= self.last], **options
        )


def bits(value):
    """Spell a value so that only equal bits are equal; a null is a null, whatever it is written as."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return SIGNED.pack(value) if isinstance(value, float) else (type(value), value)


def sent(rows):
    """Return rows as a client sends them: as JSON."""
    plain = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return json.loads(json.dumps(plain, allow_nan=False))


def requests_of(rows, use_case):
    """Return what is known of rows before their outcome, as a client sends it."""
    return sent(rows[[name for name in use_case.contract.kept.columns if name not in RESULTS]])


def differing(place, rows, day):
    """Return what online and batch say differently, by row key and feature."""
    built = build_features(place.use_case, place.features, rows, {"weather": place.weather}, place.aggregates)
    batch = built.rows.set_index("row_key")[place.features.names].astype(object).to_dict("index")
    assert len(batch) == len(rows)
    answer = place.answering(day)
    found = {}
    for request in requests_of(rows, place.use_case):
        key = "|".join(str(request[name]) for name in place.use_case.problem.key)
        answered = answer(request)
        assert list(answered) == place.features.names
        assert answered.pop("flights_of_day") is None
        for name, value in answered.items():
            if bits(value) != bits(batch[key][name]):
                found[key, name] = (batch[key][name], value)
    return found


@pytest.fixture(scope="module")
def place(request, heavy_imports, tmp_path_factory, open_home):
    """Real days, and all that is needed to build them and to answer requests of them."""
    from include.ingestion.publishing import publish
    from include.ingestion.quarantine import split
    from include.ingestion.sources import stage_delivery

    home = tmp_path_factory.mktemp("parity")
    workspace = open_home(home)
    use_case, features = workspace.use_case("flights"), of_all_kinds()
    for first, last in SPANS:
        land_flights(workspace.settings.landing, first, last)
        for day in partitions.span(first, last):
            folder = home / "staged" / day
            folder.mkdir(parents=True)
            delivery = stage_delivery(use_case, day, workspace, folder)
            tables = {name: split(rows, None, [], folder) for name, rows in delivery.tables.items()}
            publish(use_case, day, tables, delivery.hashes, workspace.lake)
    rows = workspace.lake.read("flights", "batches")

    @cache
    def answering(day):
        url = f"sqlite:///{home}/online-{day}.db"
        store = open_online_store(workspace.settings.model_copy(update={"online_store_url": SecretStr(url)}))
        materialise(use_case, features, day, lake=workspace.lake, store=store)
        request.addfinalizer(store.close)
        return OnlineFeatures(use_case, features, store)

    return SimpleNamespace(
        use_case=use_case,
        features=features,
        lake=workspace.lake,
        rows=rows,
        weather=workspace.lake.read("flights", "side_weather"),
        aggregates=daily_aggregates(use_case, wanted_of(features.of_history), rows),
        answering=answering,
    )


@pytest.mark.parametrize("day", BUILT)
def test_real_flights_of_all_carriers(place, day):
    rows = place.rows[place.rows["partition"] == day]
    assert len(rows) > 800
    assert rows["carrier"].nunique() > 12
    assert differing(place, rows, day) == {}


def changed(place, day, **columns):
    """Return real rows of a day of which some columns are replaced, under keys of their own."""
    like = place.rows[place.rows["partition"] == min(day, "2013-11-04")].sample(40, random_state=7)
    return like.assign(partition=day, flight=range(1, 41), **columns)


CASES = {
    "an input that is missing": ("2013-03-11", {"tailnum": None}),
    "a carrier and an airport that nobody has seen": ("2013-03-11", {"carrier": "??", "dest": "MOON"}),
    "a station without weather": ("2013-03-11", {"origin": "PHL"}),
    "a division by zero": ("2013-03-11", {"distance": 199}),
    "out of range": ("2013-03-11", {"hour": 23, "minute": 59}),
    "the first moment of the day": ("2013-03-11", {"time_hour": "2013-03-11T00:00:00-04:00"}),
    "the last moment of the day": ("2013-03-11", {"time_hour": "2013-03-11T23:59:59.999999-04:00"}),
    "the next day in Greenwich": ("2013-03-11", {"time_hour": "2013-03-12T02:00:00Z"}),
    "before the hour that spring leaves out": ("2013-03-10", {"time_hour": "2013-03-10T01:59:59-05:00"}),
    "after it": ("2013-03-10", {"time_hour": "2013-03-10T03:00:00-04:00"}),
    "late on the short day": ("2013-03-10", {"time_hour": "2013-03-10T23:30:00-04:00"}),
    "the hour that autumn repeats": ("2013-11-03", {"time_hour": "2013-11-03T01:30:00-04:00"}),
    "the same hour again": ("2013-11-03", {"time_hour": "2013-11-03T01:30:00-05:00"}),
    "late on the long day": ("2013-11-03", {"time_hour": "2013-11-03T23:30:00-05:00"}),
    "in another zone": ("2013-11-04", {"time_hour": "2013-11-04T23:15:00+05:30"}),
    "a space, no colon": ("2013-11-04", {"time_hour": "2013-11-04 12:45:00-0500"}),
    "no seconds": ("2013-11-04", {"time_hour": "2013-11-04T12:45-05:00"}),
    "nanoseconds": ("2013-11-04", {"time_hour": "2013-11-04T13:00:00.123456789-05:00"}),
    "exactly the lead after a measurement": ("2013-11-04", {"time_hour": "2013-11-04T13:00:00-05:00"}),
    "a day earlier without rows": ("2013-11-06", {"time_hour": "2013-11-06T12:00:00-05:00"}),
    "nothing but days without rows": ("2013-11-20", {"time_hour": "2013-11-20T12:00:00-05:00"}),
}


@pytest.mark.parametrize(("day", "columns"), CASES.values(), ids=CASES)
def test_facts_that_real_days_do_not_hold(place, day, columns):
    assert differing(place, changed(place, day, **columns), day) == {}


@given(
    st.sampled_from(BUILT),
    st.lists(
        st.fixed_dictionaries(
            {
                "carrier": st.sampled_from(["UA", "HA", "B6", "??"]),
                "tailnum": st.sampled_from(["N14228", None, ""]),
                "origin": st.sampled_from(["EWR", "JFK", "LGA", "PHL"]),
                "dest": st.sampled_from(["LAX", "MOON"]),
                "hour": st.integers(0, 24),
                "minute": st.integers(0, 59),
                "distance": st.integers(-(2**63), 2**63 - 1),
                "passed": st.floats(0, 0.999),
                "offset": st.integers(-12 * 60, 14 * 60),
            }
        ),
        min_size=1,
        max_size=12,
    ),
)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_request_says_it_is_answered_as_a_batch_is(place, day, drawn):
    first = datetime.combine(date.fromisoformat(day), datetime.min.time(), NEW_YORK).astimezone(UTC)
    until = datetime.combine(date.fromisoformat(partitions.shift(day, 1)), datetime.min.time(), NEW_YORK)
    length = until.astimezone(UTC) - first
    rows = place.rows[place.rows["partition"] == day].head(len(drawn)).assign(flight=range(1, len(drawn) + 1))
    for number, facts in enumerate(drawn):
        zone = timezone(timedelta(minutes=facts.pop("offset")))
        facts["time_hour"] = (first + facts.pop("passed") * length).astimezone(zone).isoformat()
        for name, value in facts.items():
            rows.loc[rows.index[number], name] = value
    assert differing(place, rows, day) == {}


def test_rows_that_were_pushed_count_like_those_of_a_batch(place, tmp_path):
    """The state of the day before, and its weather pushed hour by hour: the day's flights see all of it."""
    day, rows = "2013-03-11", place.rows[place.rows["partition"] == "2013-03-11"]
    lake = Until(place.lake, "2013-03-10")
    store = open_online_store(Settings(_env_file=None, online_store_url=f"sqlite:///{tmp_path}/online.db"))
    materialise(place.use_case, place.features, day, lake=lake, store=store)
    online = OnlineFeatures(place.use_case, place.features, store)
    place = SimpleNamespace(**vars(place) | {"answering": lambda _: online})
    assert {name for _, name in differing(place, rows, day)} == {"wind", "rain"}
    columns = list(place.use_case.source.side_tables["weather"].contract.columns)
    for hour in sent(place.weather.loc[place.weather["partition"] == day, columns]):
        push_side_rows(place.use_case, place.features, "weather", [hour], store=store)
    assert differing(place, rows, day) == {}
    store.close()
