"""One lifecycle (14 days, 2 trainings) on Airflow against the same library calls in one bare Python process.

Both read the same landed files and use an MLflow database of their own, the same OpenMP setting and cached
bytecode. Not counted is the start of the servers; the imports of the bare process are shown apart.
What the servers burn by idling is part of what Airflow costs and is counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from bench.table import Row, publish
from cli import services
from cli.airflow_api import AirflowApi
from cli.demo.calendar import Week
from cli.demo.replay import STAGES, Replay
from cli.environment import base_environment
from cli.landing import land_flights
from cli.records import Running
from include import partitions
from include.settings import Settings
from include.workspace import Workspace

# The first training promotes the first champion, so the second week is scored and monitored.
WEEKS = [
    Week(tuple(partitions.span("2013-01-07", "2013-01-13"))),
    Week(tuple(partitions.span("2013-01-14", "2013-01-20"))),
]
# Days that lie there already when the clock starts: a model needs some to learn from.
HISTORY = partitions.span("2013-01-01", "2013-01-06")

BARE = """
import json, sys, time
from include.warmup import warm_up
from include.settings import Settings
warm_up()
imports = time.process_time()
from bench.performance.lifecycle import HISTORY, WEEKS, bare
settings = Settings(_env_file=None, home=sys.argv[1])
bare(settings, [(day,) for day in HISTORY], train=False)
cpu, wall = time.process_time(), time.perf_counter()
tasks = bare(settings, [week.days for week in WEEKS], train=True)
used = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
print(json.dumps({"imports": imports, "tasks": tasks, **used}))
"""


def bare(settings: Settings, weeks: Iterable[Iterable[str]], *, train: bool) -> int:
    """Call the library as the operators do, one call after the other; return the number of calls."""
    from include.errors import GateRefused, GateUndecided
    from include.simulation.candidate import evaluate_and_promote
    from include.training.stage import train as fit

    calls = 0
    for days in weeks:
        last = ""
        for last in days:
            calls += len(bare_day(settings, last))
        if not train:
            continue
        as_of = partitions.shift(last, 1)
        workspace = Workspace(settings)
        use_case = workspace.use_case("flights")
        with suppress(GateRefused, GateUndecided):
            trained = fit(use_case, as_of, reason="bench", actor="bench", workspace=workspace)
            evaluate_and_promote(use_case, trained.run_id, as_of, actor="bench", workspace=workspace)
        calls += 3
    return calls


def bare_day(settings: Settings, day: str) -> dict[str, float]:
    """Take one day through the stages; return the CPU that each took, in seconds."""
    from include.errors import GateRefused, NothingToDo
    from include.features.stage import build
    from include.ingestion.stage import ingest
    from include.monitoring.reporting import publish_report
    from include.monitoring.stage import monitor
    from include.scoring.stage import score

    used: dict[str, float] = {}
    for name, stage in zip(STAGES, (ingest, build, score, monitor, publish_report), strict=True):
        # Every task opens its own stores, and so does every call here.
        started, workspace = time.process_time(), Workspace(settings)
        use_case = workspace.use_case("flights")
        actor = {} if stage in {score, publish_report} else {"actor": "bench"}
        try:
            stage(use_case, day, workspace=workspace, **actor)  # type: ignore[operator]
        except (NothingToDo, GateRefused):
            used[name] = time.process_time() - started
            break
        used[name] = time.process_time() - started
    return used


def cpu_seconds(running: Running) -> dict[str, float]:
    """Return the CPU that each started server has used so far, its ended children included."""
    used: dict[str, float] = {}
    for process in running.processes:
        total = 0.0
        for member in process.members():
            with suppress(psutil.Error):
                times = member.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        used[process.name] = total
    return used


def _bare_process(home: Path) -> dict[str, float]:
    settings = Settings(_env_file=None, home=home)
    land_flights(settings.landing, HISTORY[0], WEEKS[-1].days[-1])
    Workspace(settings).registry.experiment_id("flights")
    environment = base_environment(settings, inherited=os.environ)
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(home)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the bare process failed: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _on_airflow(home: Path, *, warm: bool) -> dict[str, float]:
    settings = Settings(_env_file=None, home=home, airflow_port=0, mlflow_port=0, warm_workers=warm)
    land_flights(settings.landing, HISTORY[0], WEEKS[-1].days[-1])
    # The same MLflow database without a server, as in the bare process.
    Workspace(settings).registry.experiment_id("flights")
    plan = services.Plan(mlflow=False, paused_at_creation=False)
    with services.running(settings, plan) as running, AirflowApi.of(settings, running.airflow_url) as api:
        api.wait_for_dags([f"flights.{stage}" for stage in (*STAGES, "train")], timeout=180)
        workspace = Workspace(settings)
        replay = Replay(api, workspace.use_case("flights"), workspace, lambda progress: None)
        replay.days(Week(tuple(HISTORY)))
        before, started = cpu_seconds(running), time.perf_counter()
        for week in WEEKS:
            replay.week(week)
        used = {name: value - before[name] for name, value in cpu_seconds(running).items()}
        wall = time.perf_counter() - started
    return {"cpu": sum(used.values()), "wall": wall, **{f"cpu {name}": value for name, value in used.items()}}


def main() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as folder:
        alone = _bare_process(Path(folder, "bare"))
        warm = _on_airflow(Path(folder, "warm"), warm=True)
        cold = _on_airflow(Path(folder, "cold"), warm=False)
    tasks = alone["tasks"]
    rows = [
        Row("bare process: CPU", alone["cpu"], "s"),
        Row("bare process: wall", alone["wall"], "s"),
        Row("bare process: its imports, not counted above", alone["imports"], "s CPU"),
        Row("on Airflow: CPU", warm["cpu"], "s"),
        Row("on Airflow: wall", warm["wall"], "s"),
        *(
            Row(f"on Airflow: of it {name}", value, "s")
            for name, value in warm.items()
            if name.startswith("cpu ")
        ),
        Row(
            "on Airflow / whole bare process: CPU", warm["cpu"] / (alone["cpu"] + alone["imports"]), "x", 2.0
        ),
        Row("on Airflow / bare process without imports: CPU", warm["cpu"] / alone["cpu"], "x"),
        Row("on Airflow / bare process: wall", warm["wall"] / alone["wall"], "x"),
        Row("Airflow's part of a task", (warm["cpu"] - alone["cpu"]) / tasks, "s CPU"),
        Row("without warm workers: CPU", cold["cpu"], "s"),
        Row(
            "without warm workers / whole bare process: CPU",
            cold["cpu"] / (alone["cpu"] + alone["imports"]),
            "x",
        ),
    ]
    publish("lifecycle", rows)


if __name__ == "__main__":
    main()
