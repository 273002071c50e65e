"""Who forks tasks loads the heavy libraries; whoever forks none never does.

What tasks find in memory is asked on a running Airflow, in tests/cli/on_airflow/test_warm_workers.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cli.environment import airflow_environment
from include.settings import Settings

HEAVY = {"pandas", "sklearn", "mlflow", "great_expectations", "evidently", "deltalake", "scipy", "pyarrow"}

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


def test_who_forks_nothing_loads_nothing(settings: Settings) -> None:
    for arguments, (modules, before, after, _) in zip(LIGHT, probe(settings, *LIGHT), strict=True):
        assert not HEAVY & set(modules), arguments
        assert "include.warmup" not in modules, arguments
        assert "airlock.operators.ingestion" not in modules, arguments
        assert after == before, arguments


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
