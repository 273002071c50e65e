"""Tasks of a running Airflow find the heavy libraries in memory, and no other of its processes has them.

What makes it so is asked without servers, in tests/config/test_warm_workers.py.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from cli.airflow_api import AirflowApi
from cli.environment import airflow_environment
from cli.services import Running
from include.settings import Settings
from tests.config.test_warm_workers import HEAVY

pytestmark = pytest.mark.servers


@dataclass(frozen=True)
class Warm:
    """A running Airflow with warm workers, and what a task in it has reported."""

    settings: Settings
    running: Running
    report: dict[str, Any]


@pytest.fixture(scope="module")
def warm(toy_settings: Settings, toy_airflow: Running, toy_api: AirflowApi) -> Warm:
    toy_api.wait_for_dags({"warm.report"}, timeout=120)
    run = toy_api.wait_for_run("warm.report", toy_api.trigger("warm.report").run_id)
    assert run.state == "success"
    return Warm(toy_settings, toy_airflow, toy_api.xcom("warm.report", run.run_id, "report"))


def test_a_task_process_finds_the_libraries_and_our_modules(warm: Warm) -> None:
    modules = set(warm.report["modules"])
    assert modules >= HEAVY
    assert modules >= {"include.ledger", "include.lake", "airlock.declaration", "airlock.operators.ingestion"}
    assert "jinja2.ext" in modules
    assert not [name for name in modules if name.startswith("include.use_cases.")]


def test_the_task_process_descends_from_the_scheduler_which_is_hidden_from_the_collector(warm: Warm) -> None:
    scheduler = warm.running.process("scheduler").pid
    worker, parent, *_ = warm.report["parents"]
    assert parent == scheduler
    # As `python -m airflow scheduler`: the package is imported before there is a main program.
    assert psutil.Process(scheduler).cmdline()[1:4] == ["-m", "airflow", "scheduler"]
    assert "great_expectations.expectations" in warm.report["modules"]
    assert worker in {child.pid for child in psutil.Process(scheduler).children()}
    assert warm.report["frozen"] > 100_000


def test_only_the_scheduler_has_loaded_them(warm: Warm) -> None:
    holders = set()
    for process, member in ((one, member) for one in warm.running.processes for member in one.members()):
        with suppress(psutil.NoSuchProcess):  # a task, or the parse of a file, that has ended meanwhile
            mapped = [found.path for found in member.memory_maps()]
            if any("/sklearn/" in path or "/deltalake/" in path for path in mapped):
                holders.add(process.name)
    assert holders == {"scheduler"}


def test_a_command_of_airflow_stays_light(warm: Warm) -> None:
    code = (
        "import atexit, sys\n"
        "sys.argv = ['airflow', 'dags', 'list', '--output', 'json']\n"
        f"atexit.register(lambda: print('heavy:', sorted(set({sorted(HEAVY)!r}) & set(sys.modules))))\n"
        "from airflow.__main__ import main\n"
        "main()\n"
    )
    environment = airflow_environment(warm.settings, api_port=1, execution_port=2)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "warm.report" in done.stdout
    assert done.stdout.splitlines()[-1] == "heavy: []"
