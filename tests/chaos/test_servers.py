"""Whole servers are killed while days are ingested, scored and monitored, and while a model is trained.

On the installation of docker-compose.yaml as processes, with the restart that a container engine would do.
Each day has one victim; whoever is on call clears what has failed. In the end everything must be as in an
installation that nobody disturbed. `make chaos` kills every part, in days and in trainings.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from threadpoolctl import threadpool_limits

from bench.performance.lifecycle import bare
from cli import topology
from cli.airflow_answers import DagRun
from cli.airflow_api import AirflowApi
from cli.demo.calendar import Week
from cli.demo.replay import Replay, stages_of
from cli.landing import land_flights
from cli.topology import SERVERS, Topology
from include import partitions
from include.errors import ConfigurationError, NotFound, Outage
from include.lake import TABLES
from include.settings import Settings
from include.warmup import LIBRARIES, import_quietly
from include.workspace import Workspace
from tests.chaos.conftest import WHOLE
from tests.chaos.invariants import check
from tests.chaos.matrix import Matrix
from tests.cli.lifecycle_fixture import declare
from tests.comparison import different_decisions, different_rows

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(5000),
    pytest.mark.skipif(not WHOLE, reason="`make chaos` kills servers"),
]

_HISTORY = partitions.span("2013-01-01", "2013-01-05")
_PATIENCE_SECONDS = 420
_SEED = int(os.environ.get("CHAOS_SEED", "7"))


@dataclass(frozen=True)
class Blow:
    """A part that is killed while a day, or the training after it, is under way."""

    victim: str
    during: str


# A part may be struck in a training only where a training needs it.
BLOWS = [
    *(
        Blow(victim, "a day")
        for victim in (
            "worker-1", *SERVERS, "mlflow", "scheduler", "execution-api", "api-server", "dag-processor",
            "triggerer",
        )
    ),
    *(Blow(victim, "a training") for victim in ("worker-2", "mlflow", "execution-api", "postgres", "s3")),
]  # fmt: skip
if _CHOSEN := os.environ.get("CHAOS_VICTIMS", ""):
    BLOWS = [blow for blow in BLOWS if blow.victim in _CHOSEN.split(",")]
BLOWS = BLOWS[: int(os.environ.get("CHAOS_BLOWS", len(BLOWS)))]
DAYS = partitions.span("2013-01-06", partitions.shift("2013-01-05", len(BLOWS)))


@pytest.fixture(autouse=True, scope="module")
def _libraries_are_imported() -> None:
    import_quietly(LIBRARIES)


@pytest.fixture(scope="module")
def use_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("declared") / "use_cases"
    declare(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, use_cases: Path) -> Workspace:
    """The same days and trainings in one process, in order."""
    settings = Settings(_env_file=None, home=tmp_path_factory.mktemp("alone"), use_cases_dir=use_cases)
    land_flights(settings.landing, _HISTORY[0], DAYS[-1])
    with threadpool_limits(1):
        bare(settings, [_HISTORY], train=True)
        for blow, day in zip(BLOWS, DAYS, strict=True):
            bare(settings, [[day]], train=blow.during == "a training")
    return Workspace(settings)


@pytest.fixture(scope="module")
def spread(use_cases: Path) -> Iterator[Topology]:
    # Not below pytest's folder: each pytest that starts closes that to other users, and PostgreSQL, which is
    # another where root runs tests, could not start again.
    with tempfile.TemporaryDirectory(prefix="airlock-spread-", ignore_cleanup_errors=True) as folder:
        settings = Settings(_env_file=None, home=Path(folder), use_cases_dir=use_cases)
        # Whoever ends the tests, such as `timeout`, ends the servers too.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with topology.running(settings, workers=2) as made:
                yield made
        finally:
            signal.signal(signal.SIGTERM, before)


@dataclass(frozen=True)
class OnCall:
    """Whoever looks after the installation: starts days and trainings, and clears what has failed.

    Attributes:
        cleared: the DAGs of the runs that were cleared, in order.
    """

    api: AirflowApi
    workspace: Workspace
    spread: Topology
    cleared: list[str] = field(default_factory=list)

    def started(self, dag: str, *, partition: str | None = None, conf: dict[str, str] | None = None) -> str:
        return self.api.trigger(f"flights.{dag}", partition_key=partition, conf=conf).run_id

    def day_is_through(self, day: str) -> bool:
        runs = [self._runs(stage, day) for stage in stages_of(self.workspace.use_case("flights"))]
        return all(found and found[-1].state == "success" for found in runs)

    def _runs(self, stage: str, day: str) -> list[DagRun]:
        found = self.api.runs(f"flights.{stage}", partition_key=day)
        if found and found[-1].state == "failed":
            self._clear(found[-1])
        return found

    def _clear(self, run: DagRun) -> None:
        self.api.clear_failed(run.dag_id, run.run_id)
        self.cleared.append(run.dag_id)

    def training_is_through(self, run_id: str) -> bool:
        run = self.api.run("flights.train", run_id)
        if run.state == "failed":
            self._clear(run)
        return run.state == "success"

    def under_way(self) -> list[str]:
        """Return the tasks that are queued or running, with what they belong to."""
        return [
            f"{run.dag_id}.{task.task_id} {task.state}"
            for run in self.api.runs("~", states=["running"])
            for task in self.api.tasks(run.dag_id, run.run_id)
            if task.state in {"queued", "running"}
        ]

    def wait(self, through: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            self._restart_what_has_ended()
            with suppress(Outage):
                if through():
                    return
            time.sleep(1)
        raise AssertionError(f"{what} is not through after {_PATIENCE_SECONDS} s: {self._states()}")

    def _restart_what_has_ended(self) -> None:
        """Do as `restart: unless-stopped` does: a scheduler ends when its database goes away."""
        for process in self.spread.running.processes:
            if not process.alive:
                self.spread.spawn(process.name)

    def _states(self) -> list[tuple[str, str | None, str, list[tuple[str, str | None, int]]]]:
        open_runs = [run for run in self.api.runs("~") if run.state != "success"]
        return [
            (
                run.dag_id,
                run.partition_key,
                run.state,
                [(t.task_id, t.state, t.try_number) for t in self.api.tasks(run.dag_id, run.run_id)],
            )
            for run in open_runs
        ]


@pytest.fixture(scope="module")
def on_call(spread: Topology, undisturbed: Workspace) -> Iterator[OnCall]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in spread.client_environment().items():
            if name.startswith(("AWS_", "MLFLOW_S3_")):
                patch.setenv(name, value)
        workspace = Workspace(spread.client())
        for key in undisturbed.landing.list():
            workspace.landing.put(key, undisturbed.landing.get(key))
        with AirflowApi.of(spread.client(), spread.running.airflow_url) as api:
            dags = [f"flights.{stage}" for stage in (*stages_of(workspace.use_case("flights")), "train")]
            api.wait_for_dags(dags, timeout=180)
            for dag in dags:
                api.set_paused(dag, False)
            replay = Replay(api, workspace.use_case("flights"), workspace, lambda progress: None)
            replay.week(Week(tuple(_HISTORY)))
            yield OnCall(api, workspace, spread)


@pytest.fixture(autouse=True)
def _keys_of_the_store(spread: Topology, monkeypatch: pytest.MonkeyPatch, _clean_environment: None) -> None:
    for name, value in spread.client_environment().items():
        if name.startswith(("AWS_", "MLFLOW_S3_")):
            monkeypatch.setenv(name, value)


def kill(spread: Topology, victim: str) -> None:
    """Kill a part with all that it has forked, as if its machine had lost power, and start it again."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    # It may fork while it is being killed.
    while members := spread.running.process(victim).members():
        assert time.monotonic() < deadline, f"{victim} does not end: {members}"
        for member in members:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        time.sleep(0.05)
    spread.spawn(victim)
    while not spread.well(victim):
        if not spread.running.process(victim).alive:
            spread.spawn(victim)
        said = spread.running.process(victim).last_words()
        assert time.monotonic() < deadline, f"{victim} does not come back: {said}"
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("blow", "day"), list(zip(BLOWS, DAYS, strict=True)), ids=lambda one: getattr(one, "victim", one)
)
def test_a_killed_server_loses_and_doubles_nothing(
    spread: Topology, on_call: OnCall, matrix: Matrix, blow: Blow, day: str
) -> None:
    seed = _SEED * 1000 + DAYS.index(day)
    instant = random.Random(seed).uniform(0.2, 6)  # noqa: S311 -- a seeded draw, no secret
    cleared = len(on_call.cleared)
    if blow.during == "a training":
        on_call.started("ingest", partition=day)
        on_call.wait(lambda: on_call.day_is_through(day), day)
        conf = {"as_of": partitions.shift(day, 1), "reason": "chaos"}
        run_id = on_call.started("train", conf=conf)
        time.sleep(instant)
        struck = on_call.under_way()
        kill(spread, blow.victim)
        on_call.wait(lambda: on_call.training_is_through(run_id), f"the training of {day}")
    else:
        on_call.started("ingest", partition=day)
        time.sleep(instant)
        struck = on_call.under_way()
        kill(spread, blow.victim)
        on_call.wait(lambda: on_call.day_is_through(day), day)
    check(Workspace(spread.client()), "flights")
    matrix.record(
        stage=blow.victim.partition("-")[0] if blow.victim.startswith("worker") else blow.victim,
        fault="SIGKILL of the server",
        place=f"{instant:.1f} s into {blow.during}: {', '.join(struck) or 'between tasks'}; "
        f"cleared: {', '.join(on_call.cleared[cleared:]) or 'nothing'}",
        outcome="completed",
        seed=seed,
    )


def test_all_of_it_is_as_if_nothing_had_happened(
    spread: Topology, on_call: OnCall, undisturbed: Workspace
) -> None:
    disturbed = Workspace(spread.client())
    found = [
        line for table in TABLES for line in different_rows(undisturbed, disturbed, "flights", table)
    ] + different_decisions(undisturbed, disturbed, "flights")
    assert found == [], "\n".join(found)


def test_an_unknown_run_is_told_as_such(on_call: OnCall) -> None:
    with pytest.raises((NotFound, ConfigurationError)):
        on_call.api.clear_failed("flights.ingest", "none")
