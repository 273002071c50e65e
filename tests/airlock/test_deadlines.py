"""A run that Airflow calls late becomes a decision and an alert; one that may take its time does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from airlock.deadlines import deadline, late_run
from include.ledger import Ledger
from include.settings import PROJECT_ROOT, Settings, get_settings
from include.use_case import UseCase, read_use_case


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    folder = tmp_path / "use_cases" / "flights"
    folder.mkdir(parents=True)
    content = yaml.safe_load((PROJECT_ROOT / "include/use_cases/flights/use_case.yaml").read_text())
    content["alerts"] = {"deadlines": {"ingest_minutes": 360}}
    (folder / "use_case.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    monkeypatch.setenv("AIRLOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRLOCK_USE_CASES_DIR", str(tmp_path / "use_cases"))
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


def context(**run: Any) -> dict[str, Any]:
    """Return what Airflow hands to a callback of a deadline."""
    asked = {"dag_run_id": "r1", "run_type": "scheduled", "partition_key": "2013-02-08", "conf": None}
    asked |= {"queued_at": "2013-02-09T05:00:00Z"}
    return {"dag_run": asked | run, "deadline": {"id": "d", "deadline_time": "2013-02-09T11:00:00Z"}}


def test_a_late_run_is_recorded_and_told_once(home: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "airlock.alerts"):
        for _ in range(2):
            late_run("flights", "ingest", context())
        late_run("flights", "ingest", context(partition_key="2013-02-09", dag_run_id="r2"))
    ledger = Ledger(home.ledger)
    late = ledger.find(gate="deadline")
    assert [decision.partition for decision in late] == ["2013-02-09", "2013-02-08"]
    assert late[1].reasons == [
        "the batch is late: run r1 was asked for at 2013-02-09T05:00:00Z and had not ended by "
        "2013-02-09T11:00:00Z"
    ]
    told = [record.getMessage().splitlines()[0] for record in caplog.records]
    assert told == [f"[warning] flights {day}: a run is late" for day in ("2013-02-08", "2013-02-09")]


QUIET = {
    "a backfill": context(run_type="backfill"),
    "a run of no date": context(partition_key=None),
}


@pytest.mark.parametrize("asked", QUIET.values(), ids=QUIET)
def test_a_run_that_may_take_its_time_is_told_nowhere(asked: dict[str, Any], home: Settings) -> None:
    late_run("flights", "ingest", asked)
    assert Ledger(home.ledger).find() == []


def test_a_training_is_about_its_as_of(home: Settings) -> None:
    late_run("flights", "train", context(partition_key=None, conf={"as_of": "2013-02-11"}))
    (decision,) = Ledger(home.ledger).find(gate="deadline")
    assert decision.partition == "2013-02-11"
    assert decision.reasons[0].startswith("the next champion is late")


def test_a_dag_has_a_deadline_where_the_use_case_declares_one(home: Settings, flights: UseCase) -> None:
    declared = read_use_case(home.use_cases_dir / "flights" / "use_case.yaml")
    alert = deadline(declared, "ingest")["deadline"]
    assert alert.interval.total_seconds() == 6 * 3600
    assert alert.callback.kwargs == {"use_case": "flights", "stage": "ingest"}
    assert deadline(declared, "train") == {}
    assert deadline(flights, "ingest") == {}
