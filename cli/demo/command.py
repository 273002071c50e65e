"""`./airlock demo`: start everything, replay, sum up."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import click
import psutil  # type: ignore[import-untyped]
from pydantic import SecretStr
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from cli import services
from cli.airflow_api import AirflowApi
from cli.credentials import password_of
from cli.demo import view
from cli.demo.calendar import FIRST_DAY, Week, weeks_from
from cli.demo.memory import PeakMemory
from cli.demo.replay import Progress as WeekProgress
from cli.demo.replay import Replay, stages_of
from cli.records import Running
from include.settings import Settings, get_settings
from include.workspace import Workspace

USE_CASE = "flights"
_LAST_FULL_WEEKS = 51
# With a shorter history, no rank could tell the drill from an ordinary week.
_WEEKS_BEFORE_DRILL = 8


@click.command(short_help="replay weeks of real flights on a running Airflow and MLflow")
@click.option(
    "--weeks", default=8, show_default=True, type=click.IntRange(1, _LAST_FULL_WEEKS), help="Weeks to replay."
)
@click.option("--drill/--no-drill", default=None, help="Add the drill week. Default: from eight weeks on.")
@click.option("--once", is_flag=True, help="Stop everything after the summary; exit 0 only if all went well.")
@click.option(
    "--stop", "stop_only", is_flag=True, help="Stop what an earlier demo left running, and no more."
)
def demo(weeks: int, drill: bool | None, once: bool, stop_only: bool) -> None:
    r"""Replay weeks of 2013's flights through a running Airflow, from an empty start.

    \b
    Example:
      ./airlock demo                     eight weeks and the drill; runs until Ctrl-C
      ./airlock demo --weeks 2 --once    a short one that stops by itself
      ./airlock demo --stop
    """
    console = Console(highlight=False)
    settings = demo_settings(get_settings())
    if stop_only:
        ended = services.stop(settings)
        console.print(f"stopped: {', '.join(ended)}" if ended else "nothing was running")
        return
    if (found := services.find(settings)) is not None:
        console.print(
            f"The demo is running already. Stop it with: make demo-stop\n{_addresses(found, settings)}"
        )
        sys.exit(1)
    with_drill = weeks >= _WEEKS_BEFORE_DRILL if drill is None else drill
    planned = weeks_from(FIRST_DAY, weeks)
    if with_drill:
        planned += weeks_from(planned[-1].as_of, 1, drill=True)
    sys.exit(_run(settings, planned, once=once, console=console))


def demo_settings(settings: Settings) -> Settings:
    """Return the settings of the demo: the embedded default in its own folder, ports as configured."""
    kept = settings.model_fields_set & {
        "airflow_host", "airflow_port", "airflow_user", "airflow_password", "mlflow_host", "mlflow_port",
        "omp_num_threads", "task_slots", "warm_workers",
    }  # fmt: skip
    chosen = {name: getattr(settings, name) for name in kept}
    return Settings.model_construct(
        _fields_set={*kept, "home"},
        **{
            **{name: field.get_default() for name, field in Settings.model_fields.items()},
            **chosen,
            "home": settings.home / "demo",
        },
    )


def _run(settings: Settings, weeks: list[Week], *, once: bool, console: Console) -> int:
    _empty(settings.home)
    started = time.monotonic()
    failed = False
    try:
        running = _start(settings, weeks, console)
        console.print(_addresses(running, settings))
        with PeakMemory(lambda: _members(running)) as memory:
            failed = _replay(settings, running, weeks, console)
        minutes = (time.monotonic() - started) / 60
        shown = f", at most {memory.peak / 1e9:.2f} GB of memory" if memory.peak else ""
        console.print(f"\n{minutes:.1f} minutes, servers and landing included{shown}.")
        console.print(f"Look closer: AIRLOCK_HOME={settings.home} ./airlock status", soft_wrap=True)
        if not once:
            console.print(
                f"\n{_addresses(running, settings)}\nAirflow and MLflow run until you press Ctrl-C."
            )
            while True:
                time.sleep(1)
    except KeyboardInterrupt:
        console.print("\nstopping")
    finally:
        services.stop(settings)
    return int(failed)


def _members(running: Running) -> list[psutil.Process]:
    return [member for process in running.processes for member in process.members()]


def _empty(home: Path) -> None:
    """Remove what earlier demos left; the folder is the demo's own."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)


def _start(settings: Settings, weeks: list[Week], console: Console) -> Running:
    from cli.demo.drill import alter
    from cli.landing import land_flights

    workspace = Workspace(settings)
    with console.status("landing the files of the upstream system") as status:
        landed = land_flights(settings.landing, weeks[0].days[0], weeks[-1].days[-1])
        console.print(f"landed {landed}")
        for week in weeks:
            if week.drill:
                alter(workspace.use_case(USE_CASE), week.days, workspace.landing)
                console.print(
                    f"drill: the timetable of {week.days[0]} to {week.days[-1]} moved four hours later"
                )
        plan = services.Plan(paused_at_creation=False)
        running = services.start(settings, plan, report=status.update)
        status.update("Airflow reads the DAGs")
        with AirflowApi.of(settings, running.airflow_url) as api:
            stages = stages_of(workspace.use_case(USE_CASE))
            api.wait_for_dags([f"{USE_CASE}.{stage}" for stage in (*stages, "train")], timeout=120)
    return running


def _replay(settings: Settings, running: Running, weeks: list[Week], console: Console) -> bool:
    """Replay and print the summary; return whether anything did not go as it should."""
    from cli.demo.findings import find

    # The tasks reach MLflow through its server; so must the summary, which compares the two records.
    workspace = Workspace(settings.model_copy(update={"mlflow_tracking_uri": running.mlflow_url}))
    use_case = workspace.use_case(USE_CASE)
    stages = stages_of(use_case)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars, AirflowApi.of(settings, running.airflow_url) as api:
        days = sum(len(week.days) for week in weeks)
        tasks = {stage: bars.add_task(stage, total=days) for stage in stages}
        trained = bars.add_task("train", total=len(weeks))
        before = dict.fromkeys(stages, 0)

        def show(progress: WeekProgress) -> None:
            for stage, task in tasks.items():
                bars.update(task, completed=before[stage] + progress.finished[stage])
            bars.update(trained, description=f"train   waiting for {progress.waiting_for or 'nothing'}")

        replay = Replay(api, use_case, workspace, show)
        for week in weeks:
            replay.week(week)
            for stage in stages:
                before[stage] += len(week.days)
            bars.advance(trained)
            bars.console.print(view.week_line(week, find(use_case, weeks, workspace)))
    found = find(use_case, weeks, workspace)
    view.summary(found, weeks, console)
    return bool(found.problems)


def _addresses(running: Running, settings: Settings) -> str:
    password = SecretStr(password_of(settings)).get_secret_value()
    return (
        f"Airflow  {running.airflow_url}   user {settings.airflow_user}, password {password}\n"
        f"MLflow   {running.mlflow_url}"
    )
