"""The build task waits for a side table without a slot, and refuses when its patience ends."""

import time
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from airflow.sdk.exceptions import TaskDeferred

from airlock.operators.features import BuildFeaturesOperator
from include import partitions
from include.errors import GateRefused
from include.settings import get_settings
from include.workspace import Workspace
from tests.include.trips import TRIPS

DAY = "2013-01-05"
FEATURES = """
from include.feature_sets import FeatureSet

features = FeatureSet()
features.joined(
    name="rain", kind="number", table="weather", column="rain", by=("station",), time="measured",
    lead_minutes=60, tolerance_minutes=600, when_missing="wait", description="inches",
)
"""
CONTEXT = {"dag_run": SimpleNamespace(partition_key=DAY, triggering_user_name="tests", run_type="manual")}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An installation with one batch of trips, whose weather is not there yet."""
    folder = tmp_path / "use_cases" / "trips"
    folder.mkdir(parents=True)
    (folder / "use_case.yaml").write_text(yaml.safe_dump(TRIPS))
    (folder / "features.py").write_text(FEATURES)
    monkeypatch.setenv("AIRLOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRLOCK_USE_CASES_DIR", str(folder.parent))
    trip = {"trip": 1, "station": "JFK", "leaves": f"{DAY}T12:00:00-05:00", "seats": 9.0, "arrived": 1.0}
    get_settings.cache_clear()
    yield put(Workspace(), "batches", pd.DataFrame([trip | {"delay": 1.0}]))
    get_settings.cache_clear()


def put(workspace, table, rows):
    known = rows.assign(known_at=partitions.available_at(DAY))
    workspace.lake.write_partition("trips", table, DAY, known, source_hash="s", contract_hash="c")
    return workspace


def deferred(operator, ask):
    with pytest.raises(TaskDeferred) as found:
        ask(operator)
    assert found.value.method_name == "resume"
    return found.value


def test_the_task_looks_again_until_the_table_is_there(installed):
    operator = BuildFeaturesOperator(task_id="build", use_case="trips")
    first = deferred(operator, lambda one: one.execute(CONTEXT))
    wait = first.trigger.moment.timestamp() - time.time()
    assert 0 < wait <= 300 < first.kwargs["deadline"] - time.time() <= 7200
    again = deferred(operator, lambda one: one.resume(CONTEXT, None, **first.kwargs))
    assert again.kwargs == first.kwargs  # looking again does not move the end of the patience
    put(
        installed,
        "side_weather",
        pd.DataFrame({"station": ["JFK"], "measured": f"{DAY}T08:00:00-05:00", "rain": 1.0}),
    )
    assert operator.resume(CONTEXT, None, **first.kwargs)["verdict"] == "pass"


def test_when_the_patience_ends_the_partition_is_refused(installed):
    operator = BuildFeaturesOperator(task_id="build", use_case="trips")
    with pytest.raises(GateRefused, match="nothing was published of the side table weather"):
        operator.resume(CONTEXT, None, deadline=0.0)
