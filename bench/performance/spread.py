"""The same lifecycle on many parts (PostgreSQL, Celery, S3) and on the embedded default: CPU of either.

Fourteen days and two trainings after six days of history, as in `bench.performance.lifecycle`; what the
servers burn by idling is counted, their start is not.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from bench.performance.lifecycle import HISTORY, WEEKS, cpu_seconds
from bench.table import Row, publish
from cli import services, topology
from cli.airflow_api import AirflowApi
from cli.demo.calendar import Week
from cli.demo.replay import STAGES, Replay
from cli.landing import land_flights
from cli.records import Running
from cli.topology import Topology
from include.settings import Settings
from include.workspace import Workspace

_DAGS = [f"flights.{stage}" for stage in (*STAGES, "train")]


def landed_on(made: Topology, landed: Path) -> Workspace:
    """Put the files on the topology's own store, and return its stores as a client has them."""
    for name, value in made.client_environment().items():
        if name.startswith("AWS_"):
            os.environ[name] = value
    workspace = Workspace(made.client())
    for path in sorted(landed.rglob("*.parquet")):
        workspace.landing.put(path.relative_to(landed).as_posix(), path.read_bytes())
    return workspace


def _live(running: Running, settings: Settings, workspace: Workspace) -> dict[str, float]:
    """Replay the weeks and return the CPU of each part, and the wall time."""
    with AirflowApi.of(settings, running.airflow_url) as api:
        api.wait_for_dags(_DAGS, timeout=180)
        for dag in _DAGS:
            api.set_paused(dag, False)
        replay = Replay(api, workspace.use_case("flights"), workspace, lambda progress: None)
        replay.days(Week(tuple(HISTORY)))
        before, started = cpu_seconds(running), time.perf_counter()
        for week in WEEKS:
            replay.week(week)
        used = {name: value - before.get(name, 0.0) for name, value in cpu_seconds(running).items()}
    return used | {"wall": time.perf_counter() - started}


def _embedded(home: Path) -> dict[str, float]:
    settings = Settings(_env_file=None, home=home, airflow_port=0, mlflow_port=0)
    land_flights(settings.landing, HISTORY[0], WEEKS[-1].days[-1])
    with services.running(settings) as running:
        seen = settings.model_copy(update={"mlflow_tracking_uri": running.mlflow_url})
        return _live(running, settings, Workspace(seen))


def _spread(home: Path, landed: Path, *, workers: int) -> dict[str, float]:
    with topology.running(Settings(_env_file=None, home=home), workers=workers) as made:
        return _live(made.running, made.client(), landed_on(made, landed))


def main() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as folder:
        embedded = _embedded(Path(folder, "embedded"))
        spread = _spread(Path(folder, "spread"), Path(folder, "embedded", "landing"), workers=2)
    walls = embedded.pop("wall"), spread.pop("wall")
    cpu = sum(embedded.values()), sum(spread.values())
    publish(
        "spread",
        [
            Row("embedded: CPU", cpu[0], "s"),
            Row("embedded: wall", walls[0], "s"),
            Row("spread, two workers: CPU", cpu[1], "s"),
            Row("spread, two workers: wall", walls[1], "s"),
            *(Row(f"spread: of it {name}", value, "s") for name, value in sorted(spread.items())),
            Row("spread / embedded: CPU", cpu[1] / cpu[0], "x", 2.0),
            Row("spread / embedded: wall", walls[1] / walls[0], "x"),
        ],
    )


if __name__ == "__main__":
    main()
