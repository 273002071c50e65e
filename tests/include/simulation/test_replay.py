"""What a replay leaves: nothing in the installation, outcomes that add up, rows and a picture of them."""

from __future__ import annotations

import csv
import inspect

import pytest

from include import partitions
from include.errors import ConfigurationError, NotFound, UseCaseError
from include.lake import Lake
from include.registry import Registry
from include.simulation.comparison import draw, write_rows
from include.simulation.history import prepare
from include.simulation.outcome import outcome_of
from include.simulation.policy import builtin_names, read_policy
from include.simulation.registry import SimulatedRegistry
from include.simulation.replay import scheduled_dates
from include.simulation.tables import SimulatedLake
from tests.include.simulation.conftest import FIRST, LAST, REFUSED

PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def outcome(replayed):
    return outcome_of(replayed)


def test_weeks_trainings_and_deployments_add_up(outcome, replayed):
    assert outcome.policy == "declared"
    assert list(outcome.refused) == [REFUSED]
    assert outcome.trainings == replayed.trainings
    assert set(outcome.trainings.values()) == {"schedule", "monitoring"}
    assert sum(week.trainings for week in outcome.weeks) <= len(outcome.trainings)
    assert [week.monday for week in outcome.weeks] == ["2013-01-07", "2013-01-14", "2013-01-21"]
    # The seats were counted otherwise from the fifteenth on, and the champion did not know.
    first, second, _ = [week.roc_auc for week in outcome.weeks]
    assert first > 0.8 > second
    assert outcome.weeks[1].marked
    assert outcome.weeks[0].refused == [REFUSED]


def test_the_refused_batch_is_an_alarm_in_its_own_week(outcome):
    assert f"ingestion {REFUSED}" in outcome.weeks[0].alarms


def test_a_replay_leaves_the_installation_as_it_was(replayed, trips_settings):
    made = {path.name for path in trips_settings.home.iterdir()}
    assert made == {"simulation"}


def test_the_data_stages_are_not_run_twice(replayed, trips_settings, monkeypatch):
    monkeypatch.setattr("include.simulation.history._run", None)
    again = prepare(replayed.policy.use_case, FIRST, LAST, settings=trips_settings, progress=lambda day: None)
    assert again.built == replayed.history.built == set(partitions.span(FIRST, LAST)) - {REFUSED}


@pytest.mark.parametrize(
    ("first", "last"), [("2013-01-09", "2013-01-08"), ("2012-12-31", LAST), (FIRST, "2014-01-01")]
)
def test_a_range_outside_the_data_is_refused(replayed, trips_settings, first, last):
    with pytest.raises(ConfigurationError, match="is no range of trips"):
        prepare(replayed.policy.use_case, first, last, settings=trips_settings, progress=lambda day: None)


def test_rows_and_picture(outcome, tmp_path):
    write_rows([outcome, outcome], tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(outcome.weeks)
    assert rows[0]["refused"] == REFUSED
    draw([outcome], tmp_path / "picture.png", title="trips")
    assert (tmp_path / "picture.png").read_bytes().startswith(PNG)


def test_today_hides_what_comes_later(replayed):
    lake = SimulatedLake(replayed.history.tables)
    lake.today = "2013-01-03"
    assert lake.partitions("trips", "features") == ["2013-01-01", "2013-01-02", "2013-01-03"]
    assert lake.version("trips", "features") == 2
    assert set(lake.read("trips", "features")["partition"]) == set(lake.partitions("trips", "features"))
    assert lake.read("trips", "features", partitions=["2013-01-04"]).empty
    assert lake.version("trips", "predictions") == -1
    with pytest.raises(NotFound, match="does not exist yet"):
        lake.read("trips", "predictions")
    with pytest.raises(ConfigurationError, match="written once"):
        lake.write_partition(
            "trips",
            "features",
            "2013-01-03",
            lake.read("trips", "features"),
            source_hash="s",
            contract_hash="c",
        )


def test_the_tables_read_as_the_lake_reads_them(replayed):
    lake = SimulatedLake(replayed.history.tables)
    lake.today = LAST
    real = replayed.history.tables._lake
    for table in ("features", "labels", "batches"):
        days = ["2013-01-08", REFUSED, "2013-01-10"]
        known_by = partitions.parse("2013-01-10")
        one = lake.read("trips", table, partitions=days, known_by=known_by)
        other = real.read("trips", table, partitions=days, known_by=known_by)
        assert one[sorted(one)].equals(other[sorted(other)])
    assert lake.value_counts("trips", "labels", "label") == real.value_counts("trips", "labels", "label")


@pytest.mark.parametrize(
    ("simulated", "real"), [(SimulatedLake, Lake), (SimulatedRegistry, Registry)], ids=["lake", "registry"]
)
def test_every_question_that_a_stage_may_ask_is_answered(simulated, real):
    public = {name for name in dir(real) if not name.startswith("_")}
    # Built on the others, or of no use to a stage.
    inherited = {"from_settings", "uri", "dataset", "tagged_model", "write_partition", "version_tags"}
    # Of maintenance, which a simulation has none of.
    inherited |= {"runs_before", "registered_runs", "discard_run"}
    own = {name for name in vars(simulated) if not name.startswith("_")}
    assert public - inherited - own == set(), "answer it in the simulation, too"
    for name in public & own:
        one, other = getattr(real, name), getattr(simulated, name)
        if inspect.isfunction(one):
            assert inspect.signature(one).parameters.keys() == inspect.signature(other).parameters.keys()


@pytest.mark.parametrize("name", builtin_names())
def test_every_shipped_policy_fits_the_flights(name, flights):
    policy = read_policy(name, flights)
    assert policy.name == name
    assert policy.use_case.monitoring.report is False
    assert policy.use_case.contract == flights.contract


def test_a_policy_of_ones_own_is_laid_over(flights, tmp_path):
    (tmp_path / "mine.yaml").write_text("monitoring: {retraining: {violations: 5}}\n", encoding="utf-8")
    policy = read_policy("mine.yaml", flights, folder=tmp_path)
    declared = flights.monitoring.retraining
    assert policy.use_case.monitoring.retraining == declared.model_copy(update={"violations": 5})
    assert policy.use_case.training.model == flights.training.model


WRONG = {
    "contract: {alpha: 0.1}": "contract: is no policy",
    "monitoring: {retraining: {violations: 0}}": "monitoring.retraining.violations: 0",
    "monitoring: {retrain: {}}": "monitoring.retrain: is not a known setting",
    "- a list": "holds no mapping",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items())
def test_a_wrong_policy_is_told_by_file_and_place(flights, tmp_path, text, said):
    (tmp_path / "wrong.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UseCaseError, match=r"wrong\.yaml") as raised:
        read_policy("wrong.yaml", flights, folder=tmp_path)
    assert said in str(raised.value)


def test_an_unknown_policy_names_the_known_ones(flights, tmp_path):
    with pytest.raises(UseCaseError, match="always-weekly, naive-gate, never"):
        read_policy("sometimes", flights, folder=tmp_path)


def test_scheduled_dates_are_those_of_the_timetable(flights):
    assert list(scheduled_dates(flights, "2013-01-01", "2013-01-20")) == [
        "2013-01-07",
        "2013-01-14",
        "2013-01-21",
    ]
