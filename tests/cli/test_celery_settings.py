"""What Airflow's own scheduler and executor make of the settings for Celery workers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from airlock import declaration
from cli.environment import airflow_environment
from include.settings import PROJECT_ROOT, Settings
from include.use_case import UseCase

_ASKED = """
import json
from airflow.api_fastapi.auth.tokens import JWTValidator
from airflow.configuration import conf
from airflow.executors.executor_loader import ExecutorLoader
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

executor = ExecutorLoader.load_executor(None)
scheduler = SchedulerJobRunner(Job(), num_runs=1, executors=[executor])
print("found", json.dumps({
    "executor": type(executor).__name__,
    "slots": executor.slots_available,
    "all slots": scheduler._parallelism,
    "requeues": scheduler._num_stuck_queued_retries,
    "seconds queued": scheduler._task_queued_timeout,
    "seconds between checks": conf.getfloat("scheduler", "task_queued_timeout_check_interval"),
    "leeway of tokens": JWTValidator(audience="x", secret_key="k").leeway,
    "seconds until redis gives out again": executor.celery_app.conf.broker_transport_options[
        "visibility_timeout"
    ],
    "a worker's slots": conf.getint("celery", "worker_concurrency"),
    "a worker's reserve": conf.getint("celery", "worker_prefetch_multiplier"),
}))
"""
_DAY = 24 * 3600


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    settings = Settings(
        _env_file=None,
        home=tmp_path_factory.mktemp("home"),
        celery_broker_url=SecretStr("redis://:password@127.0.0.1:1/0"),
        task_slots=3,
        celery_workers=5,
    )
    environment = airflow_environment(settings, api_port=1, execution_port=2)
    done = subprocess.run(
        [sys.executable, "-c", _ASKED],
        env=environment,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("found ")]
    answer: dict[str, object] = json.loads(line.removeprefix("found "))
    return answer


def test_one_task_a_worker_is_queued_beside_those_that_have_a_slot(found: dict[str, object]) -> None:
    """More would wait in Celery's queue in the order in which they came, whatever their priority."""
    assert found["executor"] == "CeleryExecutor"
    assert found["a worker's slots"] == 3
    assert found["slots"] == found["all slots"] == 5 * (3 + 1)
    assert found["a worker's reserve"] == 1


def test_a_task_may_wait_in_the_queue_for_a_year(found: dict[str, float]) -> None:
    """Airflow fails a task, without a retry, that was queued anew so many times."""
    assert found["requeues"] * found["seconds queued"] > 365 * _DAY


def test_what_a_killed_worker_had_taken_is_given_out_again_within_minutes(found: dict[str, float]) -> None:
    assert found["seconds queued"] + found["seconds between checks"] <= 300


def test_a_task_is_queued_anew_before_its_token_is_refused(found: dict[str, float]) -> None:
    """Its token runs out with the time in the queue: whoever takes it later has a task that fails."""
    assert found["leeway of tokens"] >= 2 * found["seconds between checks"]


def test_redis_gives_no_task_out_again_that_may_still_run(found: dict[str, float], flights: UseCase) -> None:
    longest = declaration.common(flights, "train", None)["default_args"]["execution_timeout"]
    assert found["seconds until redis gives out again"] > longest.total_seconds()


def test_the_order_of_priorities_can_be_kept_to_the_task(tmp_path: Path) -> None:
    broker = SecretStr("redis://:password@127.0.0.1:1/0")
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        celery_broker_url=broker,
        task_slots=3,
        celery_workers=5,
        celery_tasks_ahead=0,
    )
    environment = airflow_environment(settings, api_port=1, execution_port=2)
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "15"


def test_the_local_executor_has_the_slots_of_this_machine(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path, task_slots=3, celery_workers=5)
    environment = airflow_environment(settings, api_port=1, execution_port=2)
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "3"
