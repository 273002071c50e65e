"""Real flights on both engines: Spark builds the bits of one machine, or says at once that it cannot."""

import shutil
import struct
import threading

import pyarrow as pa
import pytest

from include.errors import NotFound, UseCaseError
from include.feature_sets import FeatureSet, load_features
from include.feature_shipping import ship
from include.features.assembling import assemble
from include.features.gathering import Material, contents_of
from include.features.history import AGGREGATES, wanted_of
from include.features.spark import build_on_spark
from include.lake import Lake

DAYS = ("2013-01-13", "2013-01-14", "2013-01-15")
FAR = 199  # miles; a definition uses it, so it travels


def of_all_kinds():
    features = FeatureSet()

    @features.row(kind="category", inputs=["carrier"], description="text")
    def carrier(rows):
        return rows["carrier"]

    @features.row(kind="category", inputs=["flight"], description="an integer")
    def line(rows):
        return rows["flight"]

    @features.row(kind="number", inputs=["distance"], high=1e-3, description="no decimal holds it")
    def closeness(rows):
        return 1 / (rows["distance"] - FAR)

    @features.row(
        kind="number",
        inputs=["origin", "hour"],
        scope="batch",
        online="may_be_missing",
        description="compares the rows of a day",
    )
    def flights_in_hour(rows):
        return rows.groupby(["origin", "hour"])["origin"].transform("size")

    features.joined(
        name="wind",
        kind="number",
        table="weather",
        column="wind_speed",
        by=("origin",),
        time="time_hour",
        lead_minutes=60,
        tolerance_minutes=240,
        description="mph",
    )
    for name, by, measure, value in [
        ("late_carrier", ("carrier",), "mean", "label"),
        ("delay_there", ("origin", "hour"), "sum", "arr_delay"),
        ("flights_of_plane", ("tailnum",), "count", ""),
    ]:
        features.history(
            name=name,
            kind="number",
            by=by,
            window_days=7,
            measure=measure,
            value=value,
            description="the past",
        )
    return features


@pytest.fixture
def lakes(featured_home, tmp_path):
    """Two lakes with the same batches and without daily sums."""
    for name in ("here", "spark"):
        shutil.copytree(featured_home / "lake", tmp_path / name, ignore=shutil.ignore_patterns(AGGREGATES))
    return [Lake(str(tmp_path / name)) for name in ("here", "spark")]


def test_both_engines_build_the_same_bits(spark, lakes, flying):
    here, there = lakes
    features = of_all_kinds()
    built = assemble(Material(flying, features, wanted_of(features.of_history), DAYS, here)).built.rows
    expected = pa.Table.from_pandas(built, preserve_index=False)
    found = build_on_spark(spark, flying, features, DAYS[::-1], lake=there).toArrow()
    found = found.sort_by([(name, "ascending") for name in ("partition", "event_time", "row_key")])
    assert len(found) == len(expected) > 2000
    assert found.column_names == expected.column_names
    for name in expected.column_names:
        assert bits(found[name]) == bits(expected[name]), name
    assert built["late_carrier"].notna().mean() > 0.9
    made = [contents_of(lake, "flights", AGGREGATES) for lake in lakes]
    assert len(made[0]) >= 7
    assert made[0] == made[1]


def bits(column):
    """Return values of which only equal bits are equal."""
    if pa.types.is_floating(column.type):
        return [None if value is None else struct.pack("<d", value) for value in column.to_pylist()]
    return column.cast(
        pa.timestamp("us", "UTC") if pa.types.is_timestamp(column.type) else column.type
    ).to_pylist()


def test_a_day_without_a_batch_is_named_before_spark_is_asked(lakes, flying):
    with pytest.raises(NotFound, match="No batch of flights is published for 2013-02-01"):
        build_on_spark(None, flying, of_all_kinds(), ["2013-01-14", "2013-02-01"], lake=lakes[0])


HEAD = """
import threading
from include.feature_sets import FeatureSet

features = FeatureSet()
lock = threading.Lock()


@features.row(kind="number", inputs=["seats"], description="people"{more})
def seats(rows):
    {body}
    return rows["seats"]
"""
CASES = {
    "a plain one": ("", "pass", None),
    "a lock": (
        "",
        "lock.acquire",
        "'seats' cannot be sent to a worker of Spark: TypeError: cannot pickle '_thread",
    ),
    "a lock, and it says so": (', engine="pandas"', "lock.acquire", None),
}


@pytest.mark.parametrize(("more", "body", "message"), CASES.values(), ids=CASES)
def test_what_cannot_be_sent_is_told_when_it_is_declared(bare, trips, more, body, message):
    folder = bare.settings.home / "use_cases" / "trips"
    folder.mkdir(parents=True)
    (folder / "features.py").write_text(HEAD.format(more=more, body=body))
    settings = bare.settings.model_copy(update={"use_cases_dir": folder.parent})
    if message:
        with pytest.raises(UseCaseError, match=message):
            load_features(trips, settings)
    else:
        assert load_features(trips, settings).names == ["seats"]


def test_a_definition_for_pandas_alone_never_reaches_spark():
    features = FeatureSet()
    lock = threading.Lock()
    features.row(kind="number", inputs=["seats"], description="none", engine="pandas")(lambda rows: lock)
    with pytest.raises(UseCaseError, match=r"engine='pandas', so it is never sent to Spark; rebuild"):
        ship(features)
