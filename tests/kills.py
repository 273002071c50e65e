"""Processes that are killed in the middle of their work.

SIGKILL leaves a process no time for anything, so what it leaves behind is what a crash would leave behind. It
is sent at an instant of the work's duration, before a chosen line of the code that writes, which reaches
every step between two writes, or a little after such a line, which reaches into what the line calls.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from include.settings import PROJECT_ROOT

# What the forked processes find imported. None of these may have started a thread by being imported.
_PRELOADED = [
    "tests.without_spark",
    "boto3",
    "deltalake",
    "great_expectations",
    "hypothesis",
    "include.evaluation.stage",
    "include.features.rebuilding",
    "include.ingestion.release",
    "include.ingestion.stage",
    "include.ledger",
    "include.maintenance.stage",
    "include.monitoring.reporting",
    "include.monitoring.stage",
    "include.promotion.rollback",
    "include.promotion.stage",
    "include.scoring.stage",
    "include.storage",
    "include.training.stage",
    "mlflow.sklearn",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pytest",
    "scipy.special",
    "sklearn.ensemble",
    "sklearn.pipeline",
    "sqlalchemy.dialects.sqlite",
    "tenacity",
]
_WRITING = {
    str(PROJECT_ROOT / "include" / module)
    for module in (
        "storage.py",
        "lake.py",
        "lake_writing.py",
        "lake_files.py",
        "ledger.py",
        "artefacts.py",
        "evaluation/stage.py",
        "features/assembling.py",
        "features/rebuilding.py",
        "maintenance/merging.py",
        "promotion/pointing.py",
        "promotion/rollback.py",
        "promotion/stage.py",
        "registry.py",
        "snapshots.py",
        "ingestion/publishing.py",
        "ingestion/settling.py",
    )
}


# `make chaos` breaks everything many times; `make test` each thing a few times.
WHOLE = os.environ.get("CHAOS") == "all"


def times(whole: int, few: int) -> int:
    """Return how many times something is broken: so many by `make chaos`, and so few by `make test`."""
    return whole if WHOLE else few


class Victims:
    """Starts processes, from a server that has the heavy imports done, and kills them."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)

    def side_by_side(self, *works: Any) -> None:
        """Do several works at the same time, each in a process of its own, to their end."""
        assert self.together(*works) == [True] * len(works)

    def together(self, *works: Any) -> list[bool]:
        """Do several works at the same time; return which of them ended without an error."""
        running = [self._start(work, line=None) for work in works]
        for process, _ in running:
            process.join()
        return [process.exitcode == 0 for process, _ in running]

    def seconds(self, *work: Any) -> float:
        """Do the work to its end and return its duration."""
        process, _ = self._start(work, line=None)
        begun = time.perf_counter()
        assert not self._end(process)
        return time.perf_counter() - begun

    def lines(self, *work: Any) -> int:
        """Do the work to its end and return how many lines it runs of the code that writes."""
        process, pipe = self._start(work, line=0)
        counted = pipe.recv()
        assert not self._end(process)
        return counted

    def kill_after(self, seconds: float, *work: Any) -> bool:
        """Begin the work and kill it after so many seconds; return whether it had not ended before."""
        process, _ = self._start(work, line=None)
        time.sleep(seconds)
        process.kill()
        return self._end(process)

    def kill_at_line(self, place: tuple[int, float], *work: Any) -> bool:
        """Kill the work so many seconds after it comes to a line; return whether it had not ended before."""
        process, _ = self._start(work, line=place[0], after=place[1])
        return self._end(process)

    def _start(self, work: Any, *, line: int | None, after: float = 0) -> tuple[Any, Connection]:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_victim, args=(there, dict(os.environ), line, after, *work))
        process.start()
        there.close()
        here.recv()
        return process, here

    @staticmethod
    def _end(process: Any) -> bool:
        process.join()
        assert process.exitcode in {0, -signal.SIGKILL, -signal.SIGALRM}, "the work failed by itself"
        return process.exitcode != 0


def instants(seed: int, count: int, seconds: float) -> Iterator[float]:
    """Draw instants between the beginning of some work and a little after its end."""
    drawn = random.Random(seed)  # noqa: S311 -- no secret
    return (drawn.uniform(0, 1.1 * seconds) for _ in range(count))


def places(seed: int, count: int, lines: int, *, after: float = 0.01) -> Iterator[tuple[int, float]]:
    """Draw places: every other one before a line, the others up to `after` seconds after it has begun."""
    drawn = random.Random(seed)  # noqa: S311 -- no secret
    for number in range(count):
        yield drawn.randint(1, lines), number % 2 * drawn.uniform(0, after)


def _victim(
    pipe: Connection,
    environment: dict[str, str],
    line: int | None,
    after: float,
    target: Callable[..., object],
    *args: Any,
) -> None:
    os.environ.update(environment)
    tempfile.tempdir = None  # looked up again, in this environment
    pipe.send("ready")
    counted = [0]
    if line is not None:
        sys.settrace(_tracer(line, after, counted))
    target(*args)
    sys.settrace(None)
    if line is not None:
        pipe.send(counted[0])


def _die(after: float) -> None:
    if after:
        # An alarm that nobody handles ends a process as suddenly as SIGKILL, and at the microsecond.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, after)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def _tracer(fatal: int, after: float, counted: list[int]) -> Callable[..., Any]:
    def enter(frame: FrameType, _event: str, _arg: Any) -> Any:
        return step if frame.f_code.co_filename in _WRITING else None

    def step(_frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line":
            counted[0] += 1
            if counted[0] == fatal:
                _die(after)
        return step

    return enter
