"""Building the features of a partition: published once, refused without a trace in the tables."""

import shutil
from datetime import date

import pandas as pd
import pytest

from include.errors import GateRefused, NotFound
from include.feature_sets import load_features
from include.features.stage import build
from include.settings import Settings
from include.workspace import Workspace
from tests.kills import places

DAY = "2013-01-09"
TABLES = ("labels", "feature_profiles", "features")
OF_FEATURES = TABLES[1:]
EMPTY = """
from include.feature_sets import FeatureSet

features = FeatureSet()


@features.row(kind="number", inputs=["distance"], description="nothing")
def nothing(rows):
    return rows["distance"] * float("nan")
"""
RAIN = """
from include.feature_sets import FeatureSet

features = FeatureSet()
features.joined(
    name="rain", kind="number", table="weather", column="rain", by=("station",), time="measured",
    lead_minutes=60, tolerance_minutes={tolerance}, max_null_share=1.0, description="inches",
)
"""


def versions(workspace, use_case="flights"):
    return {table: workspace.lake.version(use_case, table) for table in TABLES}


def data_files(workspace):
    root = workspace.settings.home / "lake" / "flights"
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def with_features(workspace, text, use_case="flights"):
    """Return the same installation with another features.py."""
    folder = workspace.settings.home / "use_cases" / use_case
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "features.py").write_text(text)
    return Workspace(workspace.settings.model_copy(update={"use_cases_dir": folder.parent}))


def test_features_labels_and_profile_are_published_together(featured, flying):
    read = {table: featured.lake.read("flights", table, partitions=[DAY]) for table in TABLES}
    declared = load_features(flying, featured.settings)
    features = read["features"]
    assert set(features["feature_set_version"]) == {declared.version}
    assert set(features["contract_hash"]) == {declared.version}
    assert len(features) == len(featured.lake.read("flights", "batches", partitions=[DAY]))
    assert features["row_key"].tolist() == read["labels"]["row_key"].tolist()
    assert set(read["feature_profiles"]["column"]) == set(declared.names)
    assert set(read["feature_profiles"]["count"]) == {len(features)}
    assert set(features["known_at"]) == set(read["labels"]["known_at"]) == {date(2013, 1, 10)}


def test_the_decision_names_what_it_is_about(featured, flying):
    decision, ref = build(flying, DAY, actor="somebody", workspace=featured)
    assert (decision.gate, decision.partition, decision.as_of) == ("features", DAY, "2013-01-10")
    assert decision.evidence["rows"] == decision.evidence["batch_rows"] == 902
    assert decision.evidence["labelled"] < 902
    assert str(ref).startswith("flights/features@")


def test_building_again_changes_nothing(featured, flying):
    before, decisions = data_files(featured), featured.ledger.verify()
    first, ref = build(flying, DAY, actor="tests", workspace=featured)
    again, same = build(flying, DAY, actor="somebody else", workspace=featured)
    assert data_files(featured) == before
    assert featured.ledger.verify() == decisions
    assert (first.id, ref) == (again.id, same)


def test_a_refusal_is_recorded_and_leaves_the_tables_untouched(featured, flying):
    before = data_files(featured)
    workspace = with_features(featured, EMPTY)
    with pytest.raises(GateRefused, match=r"nothing is null in 100.0% of rows, allowed 50.0%") as refused:
        build(flying, DAY, actor="tests", workspace=workspace)
    assert data_files(featured) == before
    decision = featured.ledger.get(refused.value.decision_id)
    assert (decision.verdict.value, decision.partition) == ("refuse", DAY)
    assert decision.evidence["nulls"] == {"nothing": 902}


def test_a_stage_that_fails_open_says_so(featured, flying, changed):
    workspace = with_features(featured, EMPTY)
    open_door = changed(flying, {"features.mode": "fail_open"})
    decision, _ = build(open_door, DAY, actor="tests", workspace=workspace)
    assert decision.verdict.value == "warn"
    assert decision.reasons[0] == "let through although refuse, because the use case chose fail_open"
    assert workspace.lake.read("flights", "features", partitions=[DAY])["nothing"].isna().all()


def test_changed_definitions_make_a_new_version_of_the_partition(featured, flying):
    before = versions(featured)
    text = EMPTY.replace(' * float("nan")', "")
    build(flying, DAY, actor="tests", workspace=with_features(featured, text))
    # Labels do not depend on the features, and the older set stands beside the new one.
    assert versions(featured) == before | {table: before[table] + 1 for table in OF_FEATURES}
    others = featured.lake.read("flights", "features", partitions=["2013-01-08"])
    assert "carrier" in others
    assert others["carrier"].notna().all()


def test_without_a_batch_there_is_nothing_to_build(featured, flying):
    before = data_files(featured)
    with pytest.raises(
        NotFound, match=r"No batch of flights is published for 2013-03-01; run flights.ingest"
    ):
        build(flying, "2013-03-01", actor="tests", workspace=featured)
    assert data_files(featured) == before


def build_day(home, use_cases_dir, use_case):
    """What the process that is killed does."""
    build(use_case, DAY, actor="tests", workspace=opened_with(home, use_cases_dir))


def opened_with(home, use_cases_dir):
    return Workspace(Settings(home=home, use_cases_dir=use_cases_dir, _env_file=None))


def content(workspace):
    """The rows of the day in every table, but for the clock."""
    return {
        table: workspace.lake.read("flights", table, partitions=[DAY]).drop(columns="ingested_at")
        for table in TABLES
    }


def test_a_killed_build_is_completed_by_the_next_one(featured, flying, victims, tmp_path):
    """Other definitions add features to a day: their profile first, and the features last of all."""
    use_cases = with_features(featured, EMPTY.replace(' * float("nan")', "")).settings.use_cases_dir
    homes = [shutil.copytree(featured.settings.home, tmp_path / str(number)) for number in range(9)]
    lines = victims.lines(build_day, homes[0], use_cases, flying)
    expected = content(opened_with(homes[0], use_cases))
    old = {table: set(rows["contract_hash"]) for table, rows in content(featured).items()}
    new = {table: set(rows["contract_hash"]) for table, rows in expected.items()}
    seen = set()
    for home, place in zip(homes[1:], places(2, 8, lines), strict=True):
        victims.kill_at_line(place, build_day, home, use_cases, flying)
        torn = opened_with(home, use_cases)
        found = {table: set(rows["contract_hash"]) for table, rows in content(torn).items()}
        assert all(found[table] in (old[table], new[table]) for table in TABLES)
        assert found["labels"] == old["labels"] == new["labels"]
        renewed = tuple(found[table] == new[table] for table in OF_FEATURES)
        assert renewed == tuple(sorted(renewed, reverse=True))
        decided = torn.ledger.find(gate="features", partition=DAY)[0].evidence["features"] == 1
        assert decided or not any(renewed)
        seen.add((decided, *renewed))
        build(flying, DAY, actor="tests", workspace=torn)
        for table, rows in content(torn).items():
            pd.testing.assert_frame_equal(rows, expected[table])
    assert len(seen) > 1, f"the kills have met one state only: {seen}"


def publish_trips(workspace, days_of_rain):
    """Write one trip at half past midnight of the 9th, and rain at half past ten in the evening before."""
    trip = {"trip": 1, "station": "JFK", "leaves": "2013-01-09T00:30:00-05:00", "seats": 9.0, "delay": 1.0}
    tables = {
        "batches": {DAY: pd.DataFrame([trip | {"arrived": 1.0}])},
        "side_weather": {
            day: pd.DataFrame([{"station": "JFK", "measured": f"{day}T22:30:00-05:00", "rain": amount}])
            for day, amount in days_of_rain.items()
        },
    }
    for table, partitions in tables.items():
        for day, rows in partitions.items():
            known = rows.assign(known_at=date(2013, 1, 10))
            workspace.lake.write_partition("trips", table, day, known, source_hash="s", contract_hash="c")


@pytest.mark.parametrize(
    ("tolerance", "days_of_rain", "expected"),
    [
        pytest.param(240, {"2013-01-08": 1.5, "2013-01-09": 9.0}, 1.5, id="the day before"),
        pytest.param(240, {"2013-01-07": 1.5, "2013-01-09": 9.0}, None, id="not two days before"),
        pytest.param(4000, {"2013-01-07": 1.5, "2013-01-09": 9.0}, 1.5, id="unless it is declared"),
        pytest.param(4000, {"2013-01-06": 0.5, "2013-01-07": 1.5}, 1.5, id="the newest of them"),
    ],
)
def test_an_early_event_looks_back_across_midnight(bare, trips, tolerance, days_of_rain, expected):
    publish_trips(bare, days_of_rain)
    workspace = with_features(bare, RAIN.format(tolerance=tolerance), "trips")
    build(trips, DAY, actor="tests", workspace=workspace)
    found = workspace.lake.read("trips", "features", partitions=[DAY])["rain"]
    assert found.astype(object).where(found.notna(), None).tolist() == [expected]
