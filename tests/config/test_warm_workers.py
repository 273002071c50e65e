"""Task processes find the heavy libraries in memory; whoever forks no tasks never loads them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from cli import services
from cli.airflow_api import AirflowApi
from cli.environment import airflow_environment
from cli.services import Plan, Running
from include.settings import Settings

HEAVY = {"pandas", "sklearn", "mlflow", "great_expectations", "evidently", "deltalake", "scipy", "pyarrow"}

# A task process executes the file before the operator: its first line sees what was there at the start.
TOY = """
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


with DAG("toy.report", schedule=None, start_date=datetime(2013, 1, 1, tzinfo=timezone.utc)):
    Report(task_id="report")
"""

# Run as programs of Airflow's would be, one after the other: their arguments, then what is imported.
PROBE = """
import json, os, sys
state = lambda: (len(os.listdir("/proc/self/task")), sorted(os.readlink(f"/proc/self/fd/{{fd}}") for fd in
    os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{{fd}}")))
found = []
for arguments in {programs}:
    sys.argv = ["airflow", *arguments]
    before = state()
    sys.modules.pop("airflow_local_settings", None)
    import airflow_local_settings
    found.append([sorted(sys.modules), before, state(), sorted(airflow_local_settings.__all__)])
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Warm:
    """A running Airflow with warm workers, and what a task in it has reported."""

    settings: Settings
    running: Running
    report: dict[str, Any]


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    folder = tmp_path_factory.mktemp("warm")
    (folder / "dags").mkdir()
    (folder / "dags" / "toy.py").write_text(textwrap.dedent(TOY), encoding="utf-8")
    settings = Settings(_env_file=None, home=folder / "home", airflow_port=0, task_slots=1)
    plan = Plan(mlflow=False, dags_folder=folder / "dags", paused_at_creation=False)
    with (
        services.running(settings, plan) as running,
        AirflowApi.of(settings, running.airflow_url) as api,
    ):
        api.wait_for_dags({"toy.report"}, timeout=120)
        run = api.wait_for_run("toy.report", api.trigger("toy.report").run_id)
        assert run.state == "success"
        yield Warm(settings, running, api.xcom("toy.report", run.run_id, "report"))


@pytest.mark.servers
def test_a_task_process_finds_the_libraries_and_our_modules(warm: Warm) -> None:
    modules = set(warm.report["modules"])
    assert modules >= HEAVY
    assert modules >= {"include.ledger", "include.lake", "airlock.declaration", "airlock.operators.ingestion"}
    assert "jinja2.ext" in modules
    assert not [name for name in modules if name.startswith("include.use_cases.")]


@pytest.mark.servers
def test_the_task_process_descends_from_the_scheduler_which_is_hidden_from_the_collector(warm: Warm) -> None:
    scheduler = warm.running.process("scheduler").pid
    worker, parent, *_ = warm.report["parents"]
    assert parent == scheduler
    # As `python -m airflow scheduler`: the package is imported before there is a main program.
    assert psutil.Process(scheduler).cmdline()[1:4] == ["-m", "airflow", "scheduler"]
    assert "great_expectations.expectations" in warm.report["modules"]
    assert worker in {child.pid for child in psutil.Process(scheduler).children()}
    assert warm.report["frozen"] > 100_000


@pytest.mark.servers
def test_only_the_scheduler_has_loaded_them(warm: Warm) -> None:
    holders = {
        process.name
        for process in warm.running.processes
        for member in process.members()
        if any("/sklearn/" in mapped.path or "/deltalake/" in mapped.path for mapped in member.memory_maps())
    }
    assert holders == {"scheduler"}


@pytest.mark.servers
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
    assert "toy.report" in done.stdout
    assert done.stdout.splitlines()[-1] == "heavy: []"


def probe(settings: Settings, *programs: tuple[str, ...], **folders: Path) -> list[list[Any]]:
    """Import the module as programs with these arguments would, all in one process."""
    environment = airflow_environment(
        settings, api_port=1, execution_port=2, inherited={"HOME": os.environ["HOME"]}, **folders
    )
    code = PROBE.format(programs=list(programs))
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def elsewhere(folder: Path) -> Settings:
    """Settings of an installation whose tasks run in Celery workers."""
    broker = SecretStr("redis://:x@127.0.0.1:1/0")
    return Settings(_env_file=None, home=folder, celery_broker_url=broker)


LIGHT = [
    ("api-server", "--port", "1"),
    ("triggerer",),
    ("dags", "list"),
    ("celery", "flower"),
]


def test_who_forks_no_tasks_loads_nothing(settings: Settings) -> None:
    for arguments, (modules, *_) in zip(LIGHT, probe(settings, *LIGHT), strict=True):
        assert not HEAVY & set(modules), arguments
        assert "include.warmup" not in modules, arguments


def test_who_forks_a_parser_for_each_file_loads_what_our_files_import_and_nothing_heavy(
    settings: Settings,
) -> None:
    [(modules, before, after, exported)] = probe(settings, ("dag-processor",))
    assert set(modules) >= {"airlock.declaration", "airlock.operators.ingestion", "include.use_case"}
    assert not HEAVY & set(modules)
    assert before[0] == 1
    assert after == before
    assert exported == []


@pytest.mark.parametrize("program", ["scheduler without our plugins", "celery worker"])
def test_who_forks_tasks_loads_them_and_leaves_nothing_that_a_fork_would_break(
    settings: Settings, tmp_path: Path, program: str
) -> None:
    bare = program != "celery worker"
    if bare:
        [found] = probe(settings, ("scheduler", "--skip-serve-logs"), plugins_folder=tmp_path)
    else:
        [found] = probe(elsewhere(tmp_path), ("celery", "worker"))
    modules, before, after, exported = found
    assert set(modules) >= HEAVY
    assert bare != ("airlock.operators.ingestion" in modules)
    # Threads, files and sockets: a forked process would lack the first and share the others.
    assert before[0] == 1
    assert after == before
    assert exported == []


def test_a_scheduler_whose_tasks_run_elsewhere_stays_light(tmp_path: Path) -> None:
    [(modules, *_)] = probe(elsewhere(tmp_path), ("scheduler",))
    assert not HEAVY & set(modules)


def test_the_setting_turns_it_off(tmp_path: Path) -> None:
    cold = Settings(_env_file=None, home=tmp_path, warm_workers=False)
    (scheduler, *_), (parser, *_) = probe(cold, ("scheduler",), ("dag-processor",))
    assert not HEAVY & set(scheduler)
    assert "airlock.operators.ingestion" not in parser


def test_a_module_of_ours_that_is_broken_does_not_keep_the_scheduler_from_starting(
    settings: Settings,
) -> None:
    code = (
        "from include.warmup import import_quietly; print(import_quietly(['json', 'no_such_module', 'wave']))"
    )
    environment = airflow_environment(settings, api_port=1, execution_port=2)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['json', 'wave']"
    assert "no_such_module could not be imported" in done.stderr
