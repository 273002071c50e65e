"""What is refused: requests that do not fit, and states that are too old or know too much."""

from contextlib import closing
from datetime import date

import pandas as pd
import pytest

from include.errors import NotFound, RequestRefused, UseCaseError
from include.feature_sets import FeatureSet
from include.features.online import OnlineFeatures, materialise, open_online_store, push_side_rows, refresh
from include.features.online.reading import microseconds
from include.workspace import Workspace

DAY, NEXT = "2013-01-08", "2013-01-09"
NOON = {"trip": 7, "station": "JFK", "leaves": f"{NEXT}T12:00:00-05:00", "seats": 9.5}
HEAD = "from include.feature_sets import FeatureSet\n\nfeatures = FeatureSet()\n"
JOINED = {
    "name": "rain",
    "kind": "number",
    "table": "weather",
    "column": "rain",
    "by": ("station",),
    "time": "measured",
    "lead_minutes": 60,
    "tolerance_minutes": 1440,
    "description": "inches",
}
HISTORY = {"name": "late", "kind": "number", "by": ("station",), "window_days": 7, "value": "label"}


def declared(rain="required", late="required"):
    features = FeatureSet()

    @features.row(kind="number", inputs=["seats"], description="people")
    def seats(rows):
        return rows["seats"]

    features.joined(**JOINED, online=rain)
    features.history(**HISTORY, online=late, description="share")
    return features


def weather(day, hour, inches):
    return {"station": "JFK", "measured": f"{day}T{hour:02}:00:00-05:00", "rain": inches}


@pytest.fixture
def place(bare, trips):
    """Two trips of the 8th, one late, and the rain at its end."""
    trip = {"station": "JFK", "leaves": f"{DAY}T09:00:00-05:00", "seats": 9.0, "arrived": 1.0}
    rows = pd.DataFrame([trip | {"trip": 1, "delay": 20.0}, trip | {"trip": 2, "delay": 1.0}])
    tables = {"batches": rows, "side_weather": pd.DataFrame([weather(DAY, 22, 0.5)])}
    for table, content in tables.items():
        known = content.assign(known_at=date(2013, 1, 9))
        bare.lake.write_partition("trips", table, DAY, known, source_hash="s", contract_hash="c")
    return bare


@pytest.fixture
def store(place):
    with closing(open_online_store(place.settings)) as found:
        yield found


@pytest.fixture
def ask(place, trips, store):
    """Answer a request from the state as of the 9th, unless there is to be none."""

    def answer(request, *, state=True, use_case=trips, **online):
        features = declared(**online)
        if state:
            materialise(use_case, features, NEXT, lake=place.lake, store=store)
        return OnlineFeatures(use_case, features, store)(NOON | request)

    return answer


def test_a_request_is_answered_in_the_order_of_the_declaration(ask):
    assert list(ask({}).items()) == [("seats", 9.5), ("rain", 0.5), ("late", 0.5)]


def test_an_entity_that_was_never_seen_has_no_past(ask):
    assert ask({"station": "Mars"}) == {"seats": 9.5, "rain": None, "late": None}


def without(name):
    return {key: value for key, value in NOON.items() if key != name}


FAULTS = {
    "an unknown column": ({"seat": 1}, r"has 'seat', which the contract does not declare; features read"),
    "a null": ({"seats": None}, "seats is null, which the contract does not allow"),
    "not a number is a null": ({"seats": float("nan")}, "seats is null, which"),
    "a text for a number": ({"seats": "9"}, "seats is '9' and not a number"),
    "a yes for a number": ({"seats": True}, "seats is True and not a number"),
    "a number for a text": ({"station": 5}, "station is 5 and not a text"),
    "no time zone": (
        {"leaves": f"{NEXT}T12:00:00"},
        r"leaves is '2013-01-09T12:00:00' and not an ISO 8601 time with its offset",
    ),
    "no such date": ({"leaves": "2013-02-30T12:00:00Z"}, "leaves is '2013-02-30T12:00:00Z' and not"),
    "no time at all": ({"leaves": "soon"}, "leaves is 'soon' and not"),
    "everything at once": (
        {"station": 5, "seats": "x" * 100},
        r"station is 5 and not a text; seats is 'x{59}… and not a number",
    ),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_a_request_that_does_not_fit_the_contract_is_refused(ask, change, message):
    with pytest.raises(RequestRefused, match=message):
        ask(change)


def test_a_missing_column_is_named(place, trips, store):
    online = OnlineFeatures(trips, declared(), store)
    with pytest.raises(RequestRefused, match=r"is missing station; features read station, leaves, seats"):
        online(without("station"))


def test_what_no_feature_reads_may_be_left_out_or_sent(ask):
    assert ask({"arrived": "whatever"}) == ask({})


MAYBE = {"rain": "may_be_missing", "late": "may_be_missing"}
AGES = {
    "of its own date": (NEXT, {}, 1, {"rain": 0.5, "late": 0.5}),
    "a day later": ("2013-01-10", {}, 1, {"rain": None, "late": 0.5}),
    "a day later where none may pass": ("2013-01-10", {}, 0, "as of 2013-01-09, and a request of 2013-01-10"),
    "two days later": (
        "2013-01-11",
        {},
        1,
        r"as of 2013-01-09, and a request of 2013-01-11 needs late, rain from one at most 1 days old "
        r"\(features.online.max_staleness_days\). Refresh it with: ./airlock materialise trips",
    ),
    "some of it may be missing": ("2013-01-11", {"rain": "may_be_missing"}, 1, "needs late from one"),
    "all of it may be missing": ("2013-01-11", MAYBE, 1, {"rain": None, "late": None}),
    "two days later where two may pass": ("2013-01-11", {}, 2, {"rain": None, "late": 0.5}),
    "a day earlier": (
        DAY,
        MAYBE,
        9,
        "of 2013-01-08 .America/New_York., and the state has seen .* by 2013-01-09",
    ),
}


@pytest.mark.parametrize("case", AGES.values(), ids=AGES)
def test_the_age_of_a_state(ask, trips, changed, case):
    day, online, allowed, expected = case
    use_case = changed(trips, {"features.online.max_staleness_days": allowed})
    request = {"leaves": f"{day}T12:00:00-05:00"}
    if isinstance(expected, str):
        with pytest.raises(RequestRefused, match=expected):
            ask(request, use_case=use_case, **online)
    else:
        assert ask(request, use_case=use_case, **online) == {"seats": 9.5} | expected


def test_without_a_state_only_what_may_be_missing_is(ask):
    with pytest.raises(
        RequestRefused, match=r"is as of nothing, and a request of 2013-01-09 needs late, rain"
    ):
        ask({}, state=False)
    assert ask({}, state=False, **MAYBE) == {"seats": 9.5, "rain": None, "late": None}


def test_the_date_of_a_request_is_that_of_the_source(ask):
    """Half past eight in the evening of the 8th in New York is the 9th in Greenwich."""
    with pytest.raises(RequestRefused, match="is of 2013-01-08"):
        ask({"leaves": "2013-01-09T01:30:00Z"})
    assert ask({"leaves": "2013-01-09T05:00:00Z"})["late"] == 0.5


def test_rows_that_are_pushed_keep_a_side_table_fresh(ask, trips, store):
    features = declared(late="may_be_missing")
    late = {"leaves": "2013-01-11T12:00:00-05:00"}
    with pytest.raises(RequestRefused, match="needs rain from"):
        ask(late, late="may_be_missing")
    for row in (
        weather("2013-01-11", 9, 1.0),
        weather("2013-01-11", 11, 2.0),
        weather("2013-01-11", 12, 3.0),
    ):
        assert push_side_rows(trips, features, "weather", [row], store=store) == 1
    assert ask(late, late="may_be_missing") == {"seats": 9.5, "rain": 2.0, "late": None}


PUSHED = {
    "another table": ("snow", {}, UseCaseError, "No feature of trips reads a side table 'snow'"),
    "no time zone": ("weather", {"measured": "2013-01-09T12:00:00"}, RequestRefused, "measured is '2013"),
    "a text for a number": ("weather", {"rain": "much"}, RequestRefused, "rain is 'much' and not a number"),
    "an unknown column": ("weather", {"snow": 1}, RequestRefused, "has 'snow'"),
}


@pytest.mark.parametrize("case", PUSHED.values(), ids=PUSHED)
def test_pushed_rows_fit_their_contract_or_none_is_added(ask, trips, store, case):
    table, change, error, message = case
    rows = [weather(NEXT, 9, 8.0), weather(NEXT, 10, 9.0) | change]
    ask({})
    with pytest.raises(error, match=message):
        push_side_rows(trips, declared(), table, rows, store=store)
    assert ask({})["rain"] == 0.5


def test_a_definition_that_fails_or_gives_no_series_is_named(place, trips, store):
    for build, message in [
        (lambda rows: 1 / 0, "'x' fails on the request: ZeroDivisionError"),
        (lambda rows: 5.0, "'x' must return a Series with one value"),
        (lambda rows: rows["seats"].set_axis([3]), "'x' must return a Series"),
        (lambda rows: rows["station"], "'x' fails on the request: KeyError"),
    ]:
        features = FeatureSet()
        build.__name__ = "x"
        features.row(kind="number", inputs=["seats"], description="none")(build)
        with pytest.raises(UseCaseError, match=message):
            OnlineFeatures(trips, features, store)(NOON)


def test_without_joined_and_history_features_no_store_is_asked(trips):
    features = FeatureSet()
    features.row(kind="number", inputs=["seats"], description="none")(lambda rows: rows["seats"] * 2)
    online = OnlineFeatures(trips, features, None)
    assert online({"seats": 2}) == {"<lambda>": 4.0}


@pytest.fixture
def refreshable(place):
    """The same installation, with the features in a file."""
    folder = place.settings.home / "use_cases" / "trips"
    folder.mkdir(parents=True)
    text = f"{HEAD}features.joined(**{JOINED!r})\nfeatures.history(**{HISTORY!r}, description='share')\n"
    (folder / "features.py").write_text(text)
    return Workspace(place.settings.model_copy(update={"use_cases_dir": folder.parent}))


def test_a_state_is_renewed_after_a_partition_and_never_goes_back(refreshable, trips):
    lake = refreshable.lake
    rows = lake.read("trips", "batches")[
        ["trip", "station", "leaves", "seats", "delay", "arrived", "known_at"]
    ]
    lake.write_partition("trips", "batches", "2013-01-05", rows, source_hash="s", contract_hash="c")
    for partition, as_of in [("2013-01-05", "2013-01-06"), (None, NEXT), ("2013-01-05", NEXT), (DAY, NEXT)]:
        assert [head.as_of for head in refresh(trips, partition, workspace=refreshable)] == [as_of]


def test_a_date_without_a_batch_makes_no_state(refreshable, trips):
    with pytest.raises(NotFound, match=r"No batch of trips is published for 2013-01-09; run trips\.ingest"):
        refresh(trips, NEXT, workspace=refreshable)


def test_a_late_correction_reaches_a_state_that_is_newer(refreshable, trips, changed):
    def late():
        [head] = refresh(trips, DAY, workspace=refreshable)
        with closing(open_online_store(refreshable.settings)) as store:
            seen = store.look(f"trips:{head.feature_set_version}", ['["station"]["JFK"]'], [])
        return seen.entries

    assert late() == ["[0.5]"]
    rows = refreshable.lake.read("trips", "batches")
    rows = rows[["trip", "station", "leaves", "seats", "arrived", "known_at"]].assign(delay=[20.0, 20.0])
    refreshable.lake.write_partition("trips", "batches", DAY, rows, source_hash="t", contract_hash="c")
    assert late() == ["[1.0]"]


TIMES = [
    "2013-01-09T12:00:00.123456Z",
    "2013-01-09 12:00-0500",
    "2013-01-09T12:00:00.1234567+05:30",
    "20130109T12Z",
]


@pytest.mark.parametrize(
    "text", [*TIMES, "2013-01-09T12:00:00,5Z", "2013-W02-3T12:00Z", "2013-01-09T24:00:00Z"]
)
def test_times_are_read_as_the_batch_reads_them(text):
    read = pd.to_datetime(pd.Series([text]), utc=True, format="ISO8601", errors="coerce")
    at = None if read.isna()[0] else int(read.astype("datetime64[us, UTC]").astype("int64")[0])
    assert microseconds(text) == at
