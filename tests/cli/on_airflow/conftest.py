"""A running Airflow for the tests of the command line and of warm workers: its own home, its own DAGs.

The files that use it run in one worker (`tests/conftest.py`), so that it is started once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.airflow_api import AirflowApi
from cli.services import Plan, Running
from include.settings import Settings
from tests.cli.on_airflow.approval_fixture import write_trainings
from tests.servers import running_airflow

# Two DAGs like ours: a partitioned schedule, and one that follows its asset by partition.
TOYS = '''
"""Toy DAGs."""
from datetime import datetime, timezone

from airflow.sdk import DAG, Asset, BaseOperator, CronPartitionTimetable, PartitionedAssetTimetable

batches = Asset(name="toy.batches", uri="airlock://toy/batches")
cron = CronPartitionTimetable("0 0 * * *", timezone="America/New_York", run_offset=-1, key_format="%Y-%m-%d")
common = {"start_date": datetime(2013, 1, 1, tzinfo=timezone.utc), "catchup": False, "max_active_runs": 1}


class Step(BaseOperator):
    def execute(self, context):
        run = context["dag_run"]
        if run.conf.get("fail") == self.task_id:
            raise RuntimeError("told to fail")
        return {"key": run.partition_key, "conf": run.conf}


with DAG("toy.ingest", schedule=cron, end_date=datetime(2014, 1, 1, tzinfo=timezone.utc), **common):
    Step(task_id="land") >> Step(task_id="publish", outlets=[batches])

with DAG("toy.features", schedule=PartitionedAssetTimetable(assets=batches), **common):
    Step(task_id="build")

with DAG("toy.endless", schedule=cron, is_paused_upon_creation=True, **common):
    Step(task_id="work")
'''

# A task process executes the file before the operator: its first line sees what was there at the start.
REPORT = """
import sys; at_start = sorted(sys.modules)
from datetime import datetime, timezone

from airflow.sdk import DAG, BaseOperator


class Report(BaseOperator):
    def execute(self, context):
        import gc
        import os
        import psutil

        parents = [parent.pid for parent in psutil.Process().parents()]
        return {"modules": at_start, "parents": parents, "pid": os.getpid(), "frozen": gc.get_freeze_count()}


with DAG("warm.report", schedule=None, start_date=datetime(2013, 1, 1, tzinfo=timezone.utc)):
    Report(task_id="report")
"""


def write_dags(folder: Path) -> Path:
    for name, source in (("toys", TOYS), ("report", REPORT)):
        (folder / f"{name}.py").write_text(source.lstrip(), encoding="utf-8")
    return folder


@pytest.fixture(scope="package")
def toy_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    base = tmp_path_factory.mktemp("toy")
    return Settings(
        _env_file=None,
        home=base / "home",
        use_cases_dir=base / "use_cases",
        airflow_port=0,
        airflow_password=SecretStr("as chosen"),
    )


@pytest.fixture(scope="package")
def toy_airflow(toy_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = write_dags(tmp_path_factory.mktemp("toys"))
    write_trainings(folder, toy_settings)
    plan = Plan(
        mlflow=False,
        dags_folder=folder,
        paused_at_creation=False,
    )
    with running_airflow(tmp_path_factory, toy_settings, plan) as running:
        yield running


@pytest.fixture(scope="module")
def toy_api(toy_settings: Settings, toy_airflow: Running) -> Iterator[AirflowApi]:
    with AirflowApi.of(toy_settings, toy_airflow.airflow_url) as api:
        api.wait_for_dags({"toy.ingest", "toy.features", "toy.endless"}, timeout=120)
        yield api
