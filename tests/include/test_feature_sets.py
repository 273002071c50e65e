"""Declaring features: what is refused and why, and when the definitions count as changed."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from include.errors import UseCaseError
from include.feature_kinds import JoinedFeature
from include.feature_sets import FeatureSet, load_features
from include.features.building import build_features
from include.features.labels import build_labels
from include.settings import PROJECT_ROOT

HEAD = "from include.feature_sets import FeatureSet\n\nfeatures = FeatureSet()\n\n"
RAIN = {
    "name": "rain",
    "kind": "number",
    "table": "weather",
    "column": "rain",
    "by": ("station",),
    "time": "measured",
    "lead_minutes": 60,
    "tolerance_minutes": 120,
    "description": "inches",
}


def row(name, inputs, body="rows['seats']", **options):
    settings = {"kind": "number", "inputs": inputs, "description": "none"} | options
    declared = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    return f"@features.row({declared})\ndef {name}(rows):\n    return {body}\n\n"


def joined(**changes):
    return f"features.joined(**{RAIN | changes!r})\n"


@pytest.fixture
def load(trips, changed, open_home, tmp_path):
    """Load the features that a text declares, each time from a folder of its own."""
    # The side table has a column of that name too, so that only the rule on outcomes can refuse it.
    trips = changed(trips, {"source.side_tables.weather.contract.columns.arrived": {"type": "number"}})
    count = iter(range(1000))

    def load_text(text):
        folder = tmp_path / str(next(count))
        (folder / "trips").mkdir(parents=True)
        if text is not None:
            (folder / "trips" / "features.py").write_text(text)
        return load_features(trips, open_home(tmp_path, use_cases_dir=folder).settings)

    return load_text


def test_features_keep_the_order_of_their_declaration(load):
    found = load(HEAD + row("seats", ["seats"]) + joined() + row("station", ["station"], kind="category"))
    assert found.names == ["seats", "rain", "station"]
    assert (found.numbers, found.categories) == (["seats", "rain"], ["station"])


def test_a_declared_function_stays_a_plain_function():
    features = FeatureSet()

    @features.row(kind="number", inputs=["seats"], description="half of the seats")
    def half(rows):
        return rows["seats"] / 2

    assert half(pd.DataFrame({"seats": [4]})).tolist() == [2]
    assert features.features[0].build is half


NAMES = {
    "twice a row": (row("seats", ["seats"]) * 2, "'seats' is declared twice"),
    "twice a join": (joined() * 2, "'rain' is declared twice"),
    "a row and a join": (row("rain", ["seats"]) + joined(), "'rain' is declared twice"),
    "the key": (row("row_key", ["seats"]), "'row_key' has the name of a column of Airlock's"),
    "the label": (joined(name="label"), "'label' has the name of a column of Airlock's"),
    "a time": (row("known_at", ["seats"]), "'known_at' has the name of a column of Airlock's"),
    "the prediction": (row("score", ["seats"]), "'score' has the name of a column of Airlock's"),
}
COLUMNS = {
    "the label's column": (row("x", ["delay"]), r"'x' reads \['delay'\], known only after the outcome"),
    "a post-outcome column": (row("x", ["seats", "arrived"]), r"'x' reads \['arrived'\], known only after"),
    "joined by the outcome": (joined(by=("arrived",)), r"reads \['arrived'\], known only after the outcome"),
    "a column that nobody declared": (row("x", ["tonnage"]), r"'x' reads \['tonnage'\], which the contract"),
    "an unknown side table": (joined(table="tides"), "side table 'tides' is not in source.side_tables"),
    "an unknown side column": (joined(column="snow"), r"'rain' reads \['snow'\], which the contract"),
    "an unknown side time": (joined(time="taken"), r"'rain' reads \['taken'\]"),
    "joined by what one side lacks": (joined(by=("trip",)), r"'rain' reads \['trip'\]"),
}
TIMES = {
    "a negative lead": (joined(lead_minutes=-1), "lead_minutes must be at least 0"),
    "no tolerance": (joined(tolerance_minutes=0), "tolerance_minutes above 0, not 60 and 0"),
    "a negative tolerance": (joined(tolerance_minutes=-5), "not 60 and -5"),
}
BROKEN = {
    "no file": (None, "features.py is missing; declare"),
    "not Python": (HEAD + "def (", "features.py fails when it is read: SyntaxError"),
    "an error while it is read": (HEAD + "1 / 0", "fails when it is read: ZeroDivisionError"),
    "a field that joins do not have": (HEAD + joined(colour="red"), "fails when it is read: TypeError"),
    "nothing of that name": ("x = 1\n", "declares no features; it needs a FeatureSet called `features`"),
    "something else of that name": ("features = ['seats']\n", "declares no features"),
    "an empty set": (HEAD, "declares no features"),
}


@pytest.mark.parametrize(
    ("text", "message"),
    [pytest.param(text, message, id=f"broken file: {name}") for name, (text, message) in BROKEN.items()]
    + [
        pytest.param(HEAD + text, message, id=f"{kind}: {name}")
        for kind, table in {"name": NAMES, "column": COLUMNS, "time": TIMES}.items()
        for name, (text, message) in table.items()
    ],
)
def test_what_is_refused(load, text, message):
    with pytest.raises(UseCaseError, match=message):
        load(text)


BASE = HEAD + "LIMIT = 3\n\n\ndef scaled(values):\n    return values / LIMIT\n\n\n"
BASE += row("seats", ["seats"], "scaled(rows['seats'])", low=0, high=9) + joined()
SAME = {
    "nothing": BASE,
    "a comment": BASE.replace("LIMIT = 3", "LIMIT = 3  # seats"),
    "a comment within": BASE.replace("    return scaled", "    # by hand\n    return scaled"),
    "layout": BASE.replace("LIMIT = 3\n", "LIMIT   =   3\n\n\n"),
}
OTHER = {
    "a constant": BASE.replace("LIMIT = 3", "LIMIT = 4"),
    "a helper": BASE.replace("values / LIMIT", "values * LIMIT"),
    "the function": BASE.replace("scaled(rows['seats'])", "rows['seats']"),
    "its low": BASE.replace("low=0", "low=1"),
    "its high": BASE.replace("high=9", "high=8"),
    "its kind": BASE.replace("'number', inputs", "'category', inputs"),
    "its inputs": BASE.replace("inputs=['seats']", "inputs=['seats', 'trip']"),
    "its null share": BASE.replace("low=0", "max_null_share=0.1, low=0"),
    "the lead": BASE.replace("'lead_minutes': 60", "'lead_minutes': 61"),
    "the tolerance": BASE.replace("'tolerance_minutes': 120", "'tolerance_minutes': 121"),
    "a name": BASE.replace("def seats", "def seat_count"),
    "one feature more": BASE + row("trip", ["trip"], "rows['trip']"),
    "the order": HEAD + joined() + BASE.removeprefix(HEAD).replace(joined(), ""),
}


CLOCKS = {
    "today": "rows['seats'] + date.today().year",
    "now": "rows['seats'] + pd.Timestamp.now().hour",
    "a text that means now": "rows['seats'] + pd.to_datetime('today').year",
    "in a function inside": "rows['seats'].map(lambda seats: seats + date.today().year)",
    "in a helper of the file": "rows['seats'] + year()",
}
HELPERS = "import pandas as pd\nfrom datetime import date\n\ndef year():\n    return date.today().year\n\n"


@pytest.mark.parametrize("body", CLOCKS.values(), ids=CLOCKS)
def test_a_definition_that_asks_what_day_it_is_is_refused_when_it_is_declared(load, body):
    with pytest.raises(UseCaseError, match=r"'x' reads the clock \((now|today)\)"):
        load(HELPERS + HEAD + row("x", ["seats"], body))


def test_a_station_called_today_is_no_clock(load):
    load(HELPERS + HEAD + row("x", ["station"], "rows['station'].where(rows['station'] != 'today')"))


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in SAME.items()])
def test_the_version_stays_where_no_definition_changes(load, text):
    assert load(text).version == load(BASE).version


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in OTHER.items()])
def test_the_version_changes_with_every_definition(load, text):
    assert text != BASE
    assert load(text).version != load(BASE).version


def test_changed_arguments_of_a_set_without_a_file_change_its_version():
    one, other = FeatureSet(), FeatureSet()
    one.joined(**RAIN)
    other.joined(**RAIN | {"column": "snow"})
    assert one.features == [JoinedFeature(**RAIN)]
    assert one.version != other.version


def test_two_use_cases_never_see_each_other_s_file(load):
    one, other = load(HEAD + row("seats", ["seats"])), load(HEAD + row("trip", ["trip"], "rows['trip']"))
    assert (one.names, other.names) == (["seats"], ["trip"])


def test_the_version_is_the_same_in_every_process(flying, featured_home, open_home):
    script = (
        "from include.feature_sets import load_features; from include.workspace import Workspace; "
        "w = Workspace(); print(load_features(w.use_case('flights'), w.settings).version)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=PROJECT_ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {load_features(flying, open_home(featured_home).settings).version}


def test_no_feature_of_the_flights_changes_with_what_is_known_after_the_outcome(
    flying, featured_home, open_home
):
    """Noise in every post-outcome column: the labels move, the features cannot."""
    workspace = open_home(featured_home)
    features = load_features(flying, workspace.settings)
    rows = workspace.lake.read("flights", "batches", partitions=["2013-01-09"])
    weather = workspace.lake.read("flights", "side_weather", partitions=["2013-01-08", "2013-01-09"])
    sums = workspace.lake.read("flights", "feature_aggregates")
    random = np.random.default_rng(7)
    noise = {
        name: np.where(random.random(len(rows)) < 0.2, np.nan, random.normal(0, 500, len(rows)))
        for name in sorted(flying.forbidden_features)
    }
    noisy = rows.assign(**noise)
    before, _ = build_features(flying, features, rows, {"weather": weather}, sums)
    after, _ = build_features(flying, features, noisy, {"weather": weather}, sums)
    assert len(noise) == 5
    pd.testing.assert_frame_equal(before, after)
    labels = [build_labels(flying, batch, "2013-01-09")["label"] for batch in (rows, noisy)]
    assert not labels[0].equals(labels[1])
