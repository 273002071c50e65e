"""Start processes that outlive the command that started them, and end exactly those.

Each service leads a session of its own: whatever it forks, even in other process groups, stays in it. A
process id alone proves nothing, since the system uses it again; with the moment of its start it does.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

# Some clocks count in hundredths of a second.
_SAME_MOMENT_SECONDS = 0.5
_POLL_SECONDS = 0.05
_FORCE_SECONDS = 5

# Processes that this process started; kept so that they can be reaped and do not stay as zombies.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Process:
    """A started service: the first process of its session."""

    name: str
    pid: int
    started: float
    log: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        _reap(self.pid)
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            return self._is(process) and process.status() != psutil.STATUS_ZOMBIE
        return False

    def members(self) -> list[psutil.Process]:
        """All living processes of its session, also after the first one has ended."""
        _reap(self.pid)
        with suppress(psutil.NoSuchProcess):
            if not self._is(psutil.Process(self.pid)):
                return []
        return [process for process in psutil.process_iter() if self._holds(process)]

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        with suppress(OSError):
            text = Path(self.log).read_text(encoding="utf-8", errors="replace")
            return "\n".join(text.strip().splitlines()[-lines:])
        return ""

    def _is(self, process: psutil.Process) -> bool:
        return bool(abs(process.create_time() - self.started) < _SAME_MOMENT_SECONDS)

    def _holds(self, process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            return bool(
                os.getsid(process.pid) == self.pid
                and process.create_time() > self.started - _SAME_MOMENT_SECONDS
                and process.status() != psutil.STATUS_ZOMBIE
            )
        return False


def spawn(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    folder: Path | None = None,
    user: str | None = None,
) -> Process:
    """Start a service in a session of its own. Its log starts empty; the last one is kept as `.previous`.

    Args:
        name: what it is called in messages.
        command: the program and its arguments.
        environment: all that it gets.
        log: file of what it prints.
        folder: where it works; where this process stands if not given.
        user: whom it runs as; the user of this process if not given.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.previous"))
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            user=user,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[child.pid] = child
    return Process(name=name, pid=child.pid, started=psutil.Process(child.pid).create_time(), log=str(log))


def end(processes: Sequence[Process], *, grace: float) -> list[str]:
    """End services together and return the names of those that were running.

    The first process of each is asked to end; whoever is left of its session then is asked, then killed.

    Args:
        processes: The services.
        grace: Seconds that they may take to finish what they are doing.
    """
    found = [process for process in processes if process.members()]
    for process in found:
        _each((member for member in process.members() if member.pid == process.pid), "terminate")
    _wait(lambda: not any(process.alive for process in found), grace)
    for action in ("terminate", "kill"):
        if members := [member for process in found for member in process.members()]:
            _each(members, action)
            _wait(lambda: not any(process.members() for process in found), _FORCE_SECONDS)
    return [process.name for process in found]


def _each(members: Iterable[psutil.Process], action: str) -> None:
    for member in members:
        # psutil compares the start of the process once more before it sends a signal.
        with suppress(psutil.NoSuchProcess):
            getattr(member, action)()


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _reap(pid: int) -> None:
    if (child := _children.get(pid)) is not None and child.poll() is not None:
        del _children[pid]
