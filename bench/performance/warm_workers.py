"""What a task pays before the first line of its operator has what it needs, with and without warm workers.

A toy DAG runs on a real Airflow. Its operator imports what Airlock's operators import and notes its CPU time
before and after, and the age of its process. Starting a process costs the same in both cases; imports do not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.table import Row, publish
from cli import services
from cli.airflow_api import AirflowApi
from cli.environment import base_environment
from include.settings import Settings
from include.warmup import LIBRARIES

RUNS = 8

DAG_FILE = f"""
import importlib, time
import psutil
from airflow.sdk import DAG, task

with DAG("probe", schedule=None, max_active_runs=1):
    @task
    def first_line():
        born = psutil.Process().create_time()
        before = time.process_time()
        for name in {LIBRARIES!r}:
            importlib.import_module(name)
        cpu = time.process_time()
        return {{"imports": cpu - before, "cpu": cpu, "wall": time.time() - born}}

    first_line()
"""


def _probe(folder: Path, *, warm: bool) -> dict[str, float]:
    """Return the medians over some runs, in seconds."""
    dags, plugins = folder / "dags", folder / "plugins"
    for path in (dags, plugins):
        path.mkdir(parents=True)
    (dags / "probe.py").write_text(DAG_FILE, encoding="utf-8")
    settings = Settings(_env_file=None, home=folder / "home", airflow_port=0, warm_workers=warm)
    plan = services.Plan(mlflow=False, dags_folder=dags, plugins_folder=plugins, paused_at_creation=False)
    with services.running(settings, plan) as running, AirflowApi.of(settings, running.airflow_url) as api:
        api.wait_for_dags(["probe"], timeout=180)
        found: list[dict[str, float]] = []
        for _ in range(RUNS):
            run = api.wait_for_run("probe", api.trigger("probe").run_id)
            found.append(api.xcom("probe", run.run_id, "first_line"))
    return {name: median(result[name] for result in found) for name in found[0]}


def _import_in_a_bare_process() -> float:
    script = f"import importlib, time\nfor name in {LIBRARIES!r}: importlib.import_module(name)\n"
    script += "print(time.process_time())"
    environment = base_environment(Settings(_env_file=None), inherited=os.environ)
    runs = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(3)
    ]
    return median(float(run.stdout.splitlines()[-1]) for run in runs)


def main() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as folder:
        warm = _probe(Path(folder, "warm"), warm=True)
        cold = _probe(Path(folder, "cold"), warm=False)
    publish(
        "warm_workers",
        [
            Row("import the libraries in a bare process", _import_in_a_bare_process(), "s CPU"),
            Row("imports inside a task, workers not warm", cold["imports"], "s CPU"),
            Row("imports inside a task, warm workers", warm["imports"], "s CPU"),
            Row("task until its libraries are there, workers not warm", cold["cpu"], "s CPU"),
            Row("task until its libraries are there, warm workers", warm["cpu"], "s CPU"),
            Row("warm / not warm: CPU until the libraries are there", warm["cpu"] / cold["cpu"], "x", 0.1),
            Row("warm / not warm: wall until the libraries are there", warm["wall"] / cold["wall"], "x", 0.1),
        ],
    )


if __name__ == "__main__":
    main()
