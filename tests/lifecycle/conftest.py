"""A running installation: Airflow and MLflow, started once for a file of tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from cli.airflow_answers import DagRun
from cli.airflow_api import AirflowApi
from cli.landing import land_flights
from cli.records import Running
from include.ledger import Ledger
from include.settings import PROJECT_ROOT, Settings
from include.use_case import UseCase
from include.workspace import Workspace
from tests.servers import running_airflow

FLIGHTS = PROJECT_ROOT / "include" / "use_cases" / "flights"
FIRST, LAST = "2013-01-01", "2013-03-10"
STAGES = ("ingest", "features", "score", "monitor", "report", "train")


@dataclass
class Installation:
    """What the tests talk to."""

    settings: Settings
    running: Running
    api: AirflowApi

    @cached_property
    def workspace(self) -> Workspace:
        return Workspace(self.settings.model_copy(update={"mlflow_tracking_uri": self.running.mlflow_url}))

    @property
    def ledger(self) -> Ledger:
        return self.workspace.ledger

    @property
    def flights(self) -> UseCase:
        return self.workspace.use_case("flights")

    def run_to_end(self, dag_id: str, **request: object) -> DagRun:
        """Trigger a run and wait for its end."""
        started = self.api.trigger(dag_id, **request)  # type: ignore[arg-type]
        return self.api.wait_for_run(dag_id, started.run_id)

    def states(self, run: DagRun) -> dict[str, str | None]:
        """Return the states of a run's tasks."""
        return {task.task_id: task.state for task in self.api.tasks(run.dag_id, run.run_id)}


def declare(folder: Path, name: str, *changes: tuple[str, str]) -> None:
    """Copy the flights use case under a name, with texts replaced."""
    shutil.copytree(FLIGHTS, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / name / "use_case.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in (("name: flights", f"name: {name}"), *changes):
        assert old in text, f"{old!r} is no longer in the flights use case"
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("home")
    use_cases = home / "use_cases"
    declare(use_cases, "flights")
    # Data that goes on: the one whose schedule has a next run.
    declare(use_cases, "live", ("  end_date: 2013-12-31\n", ""))
    settings = Settings(
        _env_file=None, home=home / "airlock", use_cases_dir=use_cases, airflow_port=0, mlflow_port=0
    )
    land_flights(settings.landing, FIRST, LAST)
    with (
        running_airflow(tmp_path_factory, settings) as running,
        AirflowApi.of(settings, running.airflow_url) as api,
    ):
        api.wait_for_dags(
            [f"{name}.{stage}" for name in ("flights", "live") for stage in STAGES], timeout=180
        )
        for stage in STAGES:
            api.set_paused(f"flights.{stage}", False)
        yield Installation(settings, running, api)
