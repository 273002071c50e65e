"""The worker notices the end of a task process at once. If Airflow's internals change, this says so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cli.environment import airflow_environment
from include.settings import Settings

# A process whose messages are all read, and which ends only after that; the next heartbeat is an hour away.
WATCH = """
import os, time
import psutil
from airflow.sdk.execution_time import supervisor
from prompt_coordinator import PromptSubprocess

pid = os.fork()
if pid == 0:
    time.sleep(0.5)
    os._exit(7)
tracker = supervisor.PsutilTracker(psutil.Process(pid))
process = PromptSubprocess(
    id=None, pid=pid, process=tracker, process_log=supervisor.log, stdin=None, client=None
)
while (code := process._service_subprocess(max_wait_time=3600)) is None:
    pass
print("ended with", code)
"""

CHOSEN = """
from airflow.sdk.execution_time.coordinator import get_coordinator_manager
print("coordinator:", type(get_coordinator_manager().for_queue("default")).__name__, flush=True)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What both ask Airflow, in one process: to import it takes seconds."""
    settings = Settings(_env_file=None, home=tmp_path_factory.mktemp("home"))
    environment = airflow_environment(settings, api_port=1, execution_port=2)
    done = subprocess.run(
        [sys.executable, "-c", CHOSEN + WATCH],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_end_of_a_task_process_is_noticed_without_a_message(said: list[str]) -> None:
    assert "ended with 7" in said


def test_airflow_uses_our_coordinator_for_the_default_queue(said: list[str]) -> None:
    assert "coordinator: PromptCoordinator" in said
