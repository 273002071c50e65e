from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cli import processes
from cli.processes import Process

# A service that forks a child into a process group of its own, as Airflow's workers do with a task.
FAMILY = """
import os, signal, sys, time
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    if "deaf" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(f"{os.getpid()} ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(*arguments: str, code: str = FAMILY) -> Process:
        log = tmp_path / "logs" / f"service{len(started)}.log"
        command = [sys.executable, "-c", code, *arguments]
        started.append(processes.spawn("service", command, environment=os.environ, log=log))
        return started[-1]

    yield start
    processes.end(started, grace=1)


def runs(member: psutil.Process) -> bool:
    """Whether it does; what has ended but was not yet collected by its parent does not."""
    return member.is_running() and member.status() != psutil.STATUS_ZOMBIE


def wait_for(done: Callable[[], bool]) -> None:
    # The limit of the whole test ends a wait in vain.
    while not done():
        time.sleep(0.05)


def family_of(process: Process) -> list[psutil.Process]:
    wait_for(lambda: Path(process.log).read_text().count("ready") == 2)
    return process.members()


@pytest.mark.parametrize("manner", ["", "deaf"])
def test_all_of_a_session_end_and_nobody_else(spawn: Callable[..., Process], manner: str) -> None:
    one, other = spawn(manner), spawn()
    members, bystanders = family_of(one), family_of(other)
    assert len(members) == len(bystanders) == 2
    assert processes.end([one], grace=1) == ["service"]
    assert not any(runs(member) for member in members)
    assert all(runs(member) for member in bystanders)


def test_orphans_of_a_service_that_died_are_ended(spawn: Callable[..., Process]) -> None:
    process = spawn()
    (child,) = [member for member in family_of(process) if member.pid != process.pid]
    os.kill(process.pid, 9)
    wait_for(lambda: not process.alive)
    assert runs(child)
    assert processes.end([process], grace=1) == ["service"]
    assert not runs(child)


def test_a_process_that_only_has_the_same_id_is_left_alone(spawn: Callable[..., Process]) -> None:
    process = spawn()
    members = family_of(process)
    stranger = dataclasses.replace(process, started=process.started - 100)
    assert not stranger.alive
    assert stranger.members() == []
    assert processes.end([stranger], grace=1) == []
    assert all(runs(member) for member in members)


def test_what_has_ended_is_no_longer_alive(spawn: Callable[..., Process]) -> None:
    process = spawn(code="print('that was it')")
    wait_for(lambda: not process.alive)
    assert processes.end([process], grace=1) == []
    assert process.last_words() == "that was it"


def test_the_last_log_is_kept_and_a_new_one_starts_empty(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    for word in ("first", "second"):
        process = processes.spawn(
            "service", [sys.executable, "-c", f"print({word!r})"], environment=os.environ, log=log
        )
        wait_for(lambda process=process: not process.alive)
    assert log.read_text() == "second\n"
    assert log.with_name("service.log.previous").read_text() == "first\n"


def test_a_service_outlives_the_command_that_started_it(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from cli import processes\n"
        "command = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        f"log = Path({str(tmp_path / 'log')!r})\n"
        "process = processes.spawn('service', command, environment=os.environ, log=log)\n"
        "print(process.pid, process.started)\n"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    pid, started = output.split()
    process = Process("service", int(pid), float(started), str(tmp_path / "log"))
    assert process.alive
    assert processes.end([process], grace=5) == ["service"]
    assert not process.alive
