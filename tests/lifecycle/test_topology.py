"""The installation of docker-compose.yaml as processes: PostgreSQL, Redis, S3, MLflow, Airflow, two workers.

Two weeks of flights, two trainings and a refused batch give on it what they give in one process on a folder.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.performance.lifecycle import bare
from cli import topology
from cli.airflow_api import AirflowApi
from cli.components import COMPONENTS, S3
from cli.demo.calendar import Week
from cli.demo.replay import STAGES, Replay
from cli.landing import land_flights
from cli.topology import Topology
from include import partitions
from include.champions import champions_of
from include.decisions import Decision
from include.errors import ConfigurationError
from include.lake import TABLES
from include.registry import CHAMPION
from include.settings import Settings
from include.warmup import LIBRARIES, import_quietly
from include.workspace import Workspace
from tests.cli.lifecycle_fixture import declare

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

WEEKS = [
    Week(tuple(partitions.span("2013-01-01", "2013-01-07"))),
    Week(tuple(partitions.span("2013-01-08", "2013-01-14"))),
]
REFUSED = "2013-01-10"
# When a row was written, and by whose decision, is a matter of its place.
DIFFERING = {"ingested_at", "promotion_id"}


@pytest.fixture(autouse=True, scope="module")
def _libraries_are_imported() -> None:
    """What they warn of while they are imported is theirs to mend."""
    import_quietly(LIBRARIES)


@pytest.fixture(scope="module")
def use_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("declared") / "use_cases"
    declare(folder)
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, use_cases: Path) -> Workspace:
    """The embedded default: one process, SQLite, folders."""
    settings = Settings(_env_file=None, home=tmp_path_factory.mktemp("alone"), use_cases_dir=use_cases)
    workspace = Workspace(settings)
    land_flights(settings.landing, WEEKS[0].days[0], WEEKS[-1].days[-1])
    workspace.landing.put(f"flights/{REFUSED}.parquet", b"PAR1 cut off")
    bare(settings, [week.days for week in WEEKS], train=True)
    return workspace


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory, use_cases: Path) -> Iterator[Topology]:
    settings = Settings(_env_file=None, home=tmp_path_factory.mktemp("spread"), use_cases_dir=use_cases)
    with topology.running(settings, workers=2) as made:
        yield made


@pytest.fixture(scope="module")
def lived(spread: Topology, alone: Workspace) -> Iterator[Lived]:
    """The same weeks, through Airflow."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in spread.client_environment().items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        workspace = Workspace(spread.client())
        for key in alone.landing.list():
            workspace.landing.put(key, alone.landing.get(key))
        with AirflowApi.of(spread.client(), spread.running.airflow_url) as api:
            dags = [f"flights.{stage}" for stage in (*STAGES, "train")]
            api.wait_for_dags(dags, timeout=180)
            for dag in dags:
                api.set_paused(dag, False)
            replay = Replay(api, workspace.use_case("flights"), workspace, lambda progress: None)
            for week in WEEKS:
                replay.week(week)
            yield Lived(workspace, api)


@dataclass(frozen=True)
class Lived:
    """What the weeks have left behind."""

    workspace: Workspace
    api: AirflowApi


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_are_equal(alone: Workspace, lived: Lived, table: str) -> None:
    days = alone.lake.partitions("flights", table)
    assert lived.workspace.lake.partitions("flights", table) == days
    for day in days:
        one, other = (w.lake.read("flights", table, partitions=[day]) for w in (alone, lived.workspace))
        columns = [name for name in one.columns if name not in DIFFERING]
        assert one[columns].equals(other[columns]), f"{table} of {day}"


def told(decisions: list[Decision]) -> list[tuple[Any, ...]]:
    """Return what decisions say, without names that are drawn anew in each installation."""
    return sorted(
        (one.gate, one.partition or "", one.as_of, one.verdict.value, one.rule, one.policy_hash)
        for one in decisions
    )


def test_the_decisions_are_equal(alone: Workspace, lived: Lived) -> None:
    one, other = (workspace.ledger.find(use_case="flights") for workspace in (alone, lived.workspace))
    assert told(one) == told(other)
    (refused,) = lived.workspace.ledger.find(use_case="flights", gate="ingestion", partition=REFUSED)
    assert refused.verdict.value == "refuse"
    champions = [
        [(champion.version, champion.as_of) for champion in champions_of(workspace.ledger, "flights")]
        for workspace in (alone, lived.workspace)
    ]
    assert champions[0] == champions[1]
    assert len(champions[0]) == 2
    assert lived.workspace.registry.alias_version("flights", CHAMPION) == champions[1][0][0]
    lived.workspace.ledger.verify()


def test_both_workers_take_tasks_and_their_logs_are_read_in_one_place(spread: Topology, lived: Lived) -> None:
    hosts: Counter[str] = Counter()
    for number in (1, 2):
        logs = spread.home / f"worker-{number}" / "airflow" / "logs"
        hosts[f"worker-{number}"] = sum(path.is_file() for path in logs.rglob("attempt=*.log"))
    assert min(hosts.values()) >= 5, hosts
    run = lived.api.runs("flights.ingest", partition_key=REFUSED)[-1]
    path = f"/dags/flights.ingest/dagRuns/{run.run_id.replace('+', '%2B')}/taskInstances/ingest/logs/1"
    text = str(lived.api._get(path)["content"])
    assert "is not a readable Parquet file" in text


def parts(spread: Topology) -> list[tuple[str, psutil.Process]]:
    found = [(process.name, member) for process in spread.running.processes for member in process.members()]
    return [(name, member) for name, member in found if name in spread.names]


def test_no_part_opens_a_file_of_another(spread: Topology, lived: Lived) -> None:
    for name, process in parts(spread):
        opened = {Path(file.path) for file in process.open_files()} | {Path(process.cwd())}
        below = {
            path.relative_to(spread.home).parts[0] for path in opened if path.is_relative_to(spread.home)
        }
        assert below <= {name, "logs"}, f"{name} has opened {opened}"


def test_no_part_knows_a_secret_that_it_does_not_need(spread: Topology, lived: Lived) -> None:
    urls = {
        name: (spread.secrets / f"airlock_{name}").read_text().strip()
        for name in ("airflow_database_url", "mlflow_database_url", "ledger_url", "celery_broker_url")
    }
    keys = (spread.secrets / "aws_credentials").read_text().split()[-1]
    for name, process in parts(spread):
        known = "\n".join(process.environ().values()) + " ".join(process.cmdline())
        needs = COMPONENTS[name.split("-")[0] if name.startswith("worker") else name].needs
        assert {one for one, url in urls.items() if url in known} <= needs, name
        assert (keys in known) <= (S3 in needs), name
        assert not any(url in " ".join(process.cmdline()) for url in urls.values())


def test_the_workers_are_warm_and_nobody_else(spread: Topology, lived: Lived) -> None:
    warm = {
        name
        for name, process in parts(spread)
        if any("/sklearn/" in mapped.path or "/deltalake/" in mapped.path for mapped in process.memory_maps())
    }
    assert warm - {"api-server", "mlflow"} == {"worker-1", "worker-2"}


def test_a_second_start_is_refused_and_a_stop_ends_all_of_it_and_nothing_else(
    spread: Topology, lived: Lived
) -> None:
    with pytest.raises(ConfigurationError, match="running already"):
        Topology(spread.settings).start()
    known = [process.pid for process in spread.running.processes]
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        ended = topology.stop(spread.home)
        assert set(ended) == {*spread.names, *topology.SERVERS}
        assert not [
            pid for pid in known if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"
        ]
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    assert topology.stop(spread.home) == []
