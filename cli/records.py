"""The record of what runs for one home folder, `<home>/run/services.json`, and the lock on changing it."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cli.processes import Process


@dataclass(frozen=True, kw_only=True)
class Running:
    """The servers of one home folder and where they answer; a server that was not started has no address."""

    airflow_url: str = ""
    execution_url: str = ""
    mlflow_url: str = ""
    processes: tuple[Process, ...] = ()

    def process(self, name: str) -> Process:
        return next(process for process in self.processes if process.name == name)

    @property
    def alive(self) -> bool:
        """Whether anything of it is left."""
        return any(process.members() for process in self.processes)


def read(home: Path) -> Running | None:
    path = _file(home)
    if not path.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    listed = tuple(Process(**process) for process in content.pop("processes"))
    return Running(processes=listed, **content)


def write(home: Path, running: Running) -> None:
    """Replace the record at once."""
    path = _file(home)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(running), indent=2), encoding="utf-8")
    draft.replace(path)


def remove(home: Path) -> None:
    _file(home).unlink(missing_ok=True)


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Let one command at a time start or stop the servers of a home."""
    folder = _file(home).parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _file(home: Path) -> Path:
    return home / "run" / "services.json"
