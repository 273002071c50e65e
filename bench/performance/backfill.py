"""A backfill on the topology of processes with one Celery worker and with two, side by side.

One installation, started once. Its range of days is cut in four: one worker, two, two, one, so that neither
a slow moment of the machine nor the days' growth speaks for one of them. Each part is one backfill of
`flights.ingest`; features, scores and monitoring follow by partition. A worker has one slot: the tasks of a
stage go in order, those of different stages overlap. Some days are refused at the door and leave nothing to
do, so the ratio that counts is the one at equal CPU of the workers. `DAYS` of the environment is the whole
range, half of it with each; `DAYS=120` compares 60 days with 60.

On two cores the workers and eight servers want the same cores, which then limit both parts alike.
`WORKER_CPUS=0.4` holds each worker to that share of a core, as `cpus` of a container does: what a second one
adds is then told as on machines of their own. It takes a user who may make control groups.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench import cpu_share
from bench.performance.lifecycle import HISTORY, WEEKS, cpu_seconds
from bench.performance.spread import landed_on
from bench.table import Row, publish
from cli import processes, topology
from cli.airflow_api import AirflowApi
from cli.components import kind_of
from cli.demo.calendar import Week
from cli.demo.replay import STAGES, Replay
from cli.landing import land_flights
from cli.topology import Topology
from include import partitions
from include.settings import PROJECT_ROOT, Settings
from include.workspace import Workspace

_DAYS = int(os.environ.get("DAYS", "40"))
_SLOTS = int(os.environ.get("SLOTS", "1"))
# Share of a core for each worker; 0 where nothing holds them.
_SHARE = float(os.environ.get("WORKER_CPUS", "0"))
_ORDER = (1, 2, 2, 1)
_IDLE_SECONDS, _IDLE_SHARE = 3.0, 0.05
_FIRST, _SECOND, _SCHEDULER = "worker-1", "worker-2", "scheduler"
_DAGS = [f"flights.{stage}" for stage in (*STAGES, "train")]


@contextmanager
def living(made: Topology, landed: Path) -> Iterator[tuple[Replay, Workspace]]:
    """Land the files on the topology's own store, and let its DAGs run."""
    workspace = landed_on(made, landed)
    with AirflowApi.of(made.client(), made.running.airflow_url) as api:
        api.wait_for_dags(_DAGS, timeout=180)
        for dag in _DAGS:
            api.set_paused(dag, False)
        yield Replay(api, workspace.use_case("flights"), workspace, lambda progress: None), workspace


def _declare(folder: Path) -> None:
    """Copy the flights, with a monitoring that orders no training: one part would have it, the others not."""
    shutil.copytree(PROJECT_ROOT / "include" / "use_cases" / "flights", folder / "flights")
    path = folder / "flights" / "use_case.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["monitoring"].setdefault("retraining", {})["triggers"] = []
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _parts(first: str) -> list[Week]:
    """Return the days of each part, one after the other."""
    length = _DAYS // len(_ORDER)
    starts = [partitions.shift(first, length * number) for number in range(len(_ORDER))]
    return [Week(tuple(partitions.span(start, partitions.shift(start, length - 1)))) for start in starts]


def _employ(made: Topology, workers: int) -> None:
    """Let one worker or both take tasks, and the scheduler know of so many, as docs/production.md asks."""
    processes.end([made.running.process(_SCHEDULER)], grace=60)
    if workers == 1:
        processes.end([made.running.process(_SECOND)], grace=60)
    elif not made.running.process(_SECOND).alive:
        _start(made, _SECOND)
        _wait_until_idle(made, _SECOND)
    made.shared = made.shared.model_copy(update={"celery_workers": workers})
    _start(made, _SCHEDULER)
    if _SHARE:
        for name in (_FIRST, _SECOND)[:workers]:
            cpu_share.hold(name, _SHARE, made.running.process(name).members())


def _start(made: Topology, name: str) -> None:
    made.spawn(name)
    while not made.well(name):
        time.sleep(0.5)


def _wait_until_idle(made: Topology, name: str) -> None:
    """Wait until a worker has imported what its tasks will need, which it does once, beside taking tasks."""
    used = cpu_seconds(made.running)[name]
    while True:
        time.sleep(_IDLE_SECONDS)
        before, used = used, cpu_seconds(made.running)[name]
        if used - before < _IDLE_SHARE * _IDLE_SECONDS:
            return


@dataclass(frozen=True)
class _Part:
    """Days with so many workers: their wall time, and CPU by part of the installation, both in seconds."""

    workers: int
    wall: float
    cpu: Mapping[str, float]


def _measured(made: Topology, replay: Replay, parts: list[Week]) -> list[_Part]:
    found = []
    for workers, part in zip(_ORDER, parts, strict=True):
        _employ(made, workers)
        before, started = cpu_seconds(made.running), time.perf_counter()
        replay.days(part)
        wall = time.perf_counter() - started
        after = cpu_seconds(made.running)
        cpu = Counter[str]()
        for name, value in after.items():
            cpu[kind_of(name)] += value - before.get(name, 0.0)
        found.append(_Part(workers, wall, cpu))
    return found


def _rows(found: list[_Part], workers: int) -> list[Row]:
    """Return what a day with so many workers took."""
    parts = [one for one in found if one.workers == workers]
    days = _DAYS / len(_ORDER) * len(parts)
    used = sum((Counter(one.cpu) for one in parts), Counter[str]())
    title = {1: "one worker", 2: "two workers"}[workers]
    return [
        Row(f"{title}: wall", sum(one.wall for one in parts) / days, "s a day"),
        Row(f"{title}: CPU of all parts", used.total() / days, "s a day"),
        *(Row(f"{title}: CPU of {name}", value / days, "s a day") for name, value in used.most_common()),
    ]


def _pace(found: list[_Part], workers: int) -> float:
    """Return the wall time in which so many workers do a second's work.

    Days are not alike: those of the blizzard are refused, and then only one of five tasks works.
    """
    parts = [one for one in found if one.workers == workers]
    return sum(one.wall for one in parts) / sum(one.cpu[kind_of(_FIRST)] for one in parts)


def _each(found: list[_Part]) -> list[Row]:
    """Return the parts in their order: two with as many workers should tell the same."""
    length = _DAYS // len(_ORDER)
    rows = []
    for number, part in enumerate(found, start=1):
        title = f"part {number}, workers: {part.workers}"
        rows.append(Row(f"{title}: wall", part.wall / length, "s a day"))
        rows.append(Row(f"{title}: CPU of workers", part.cpu[kind_of(_FIRST)] / length, "s a day"))
    return rows


def main() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as folder:
        landed = Path(folder, "landing")
        parts = _parts(partitions.shift(WEEKS[-1].days[-1], 1))
        land_flights(str(landed), HISTORY[0], parts[-1].days[-1])
        use_cases = Path(folder, "use_cases")
        _declare(use_cases)
        settings = Settings(
            _env_file=None, home=Path(folder, "spread"), use_cases_dir=use_cases, task_slots=_SLOTS
        )
        with (
            topology.running(settings, workers=2) as made,
            living(made, landed) as (replay, _),
        ):
            replay.days(Week(tuple(HISTORY)))
            for week in WEEKS:
                replay.week(week)
            found = _measured(made, replay, parts)
    for name in (_FIRST, _SECOND):
        cpu_share.release(name)
    one, two = _rows(found, 1), _rows(found, 2)
    publish(
        "backfill",
        [
            Row("days with one worker, and with two", _DAYS / 2, "days"),
            Row("slots of a worker", _SLOTS, "tasks at once"),
            Row("share of a worker, 0 for as much as it gets", _SHARE, "cores"),
            *_each(found),
            *one,
            *two,
            Row("one worker's wall / two workers'", one[0].value / two[0].value, "x"),
            Row("two workers' wall / one worker's", two[0].value / one[0].value, "x"),
            Row(
                "the same at equal CPU of workers", _pace(found, 2) / _pace(found, 1), "x", round(1 / 1.6, 3)
            ),
        ],
    )


if __name__ == "__main__":
    main()
