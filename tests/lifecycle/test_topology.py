"""The installation of docker-compose.yaml as processes: PostgreSQL, Redis, S3, MLflow, Airflow, two workers.

What a stretch of flights with trainings and a refused batch leaves behind is compared, table by table and
decision by decision, with what it leaves in one process on a folder. `make test` lives six days and one
training; `make topology` two weeks and two.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr
from threadpoolctl import threadpool_limits

from bench.performance.lifecycle import bare
from cli import topology
from cli.airflow_api import AirflowApi
from cli.components import S3, component_of
from cli.demo.calendar import Week
from cli.demo.replay import Replay, stages_of
from cli.landing import land_flights
from cli.topology import Topology
from include import partitions
from include.backups.copies import backup, restore
from include.champions import champions_of
from include.errors import ConfigurationError
from include.lake import TABLES
from include.registry import CHAMPION
from include.settings import Settings
from include.warmup import LIBRARIES, import_quietly
from include.workspace import Workspace
from tests.cli.lifecycle_fixture import declare
from tests.comparison import different_decisions, different_rows, told

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

LONG = bool(os.environ.get("WHOLE_LIFECYCLE"))
STRETCHES = (
    [("2013-01-01", "2013-01-07"), ("2013-01-08", "2013-01-14")]
    if LONG
    else [("2013-01-01", "2013-01-05"), ("2013-01-06", "2013-01-06")]
)
WEEKS = [Week(tuple(partitions.span(*days))) for days in STRETCHES]
TRAININGS = 2 if LONG else 1
REFUSED = "2013-01-03"


@pytest.fixture(autouse=True, scope="module")
def _libraries_are_imported() -> None:
    """What they warn of while they are imported is theirs to mend."""
    import_quietly(LIBRARIES)


@pytest.fixture(autouse=True)
def _keys_of_the_store(spread: Topology, monkeypatch: pytest.MonkeyPatch, _clean_environment: None) -> None:
    for name, value in spread.client_environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


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
    # As Airlock starts every process: sums of several threads differ in their last bits.
    with threadpool_limits(1):
        bare(settings, [week.days for week in WEEKS[:TRAININGS]], train=True)
        bare(settings, [week.days for week in WEEKS[TRAININGS:]], train=False)
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
        # Five lists of runs every second would cost as much as a day itself.
        patch.setattr("cli.demo.replay._POLL_SECONDS", 3.0)
        workspace = Workspace(spread.client())
        for key in alone.landing.list():
            workspace.landing.put(key, alone.landing.get(key))
        with AirflowApi.of(spread.client(), spread.running.airflow_url) as api:
            dags = [f"flights.{stage}" for stage in (*stages_of(workspace.use_case("flights")), "train")]
            api.wait_for_dags(dags, timeout=180)
            for dag in dags:
                api.set_paused(dag, False)
            replay = Replay(api, workspace.use_case("flights"), workspace, lambda progress: None)
            for week in WEEKS[:TRAININGS]:
                replay.week(week)
            for week in WEEKS[TRAININGS:]:
                replay.days(week)
            yield Lived(workspace, api)


@dataclass(frozen=True)
class Lived:
    """What the weeks have left behind."""

    workspace: Workspace
    api: AirflowApi


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_are_equal(alone: Workspace, lived: Lived, table: str) -> None:
    assert different_rows(alone, lived.workspace, "flights", table) == []


def test_the_decisions_are_equal(alone: Workspace, lived: Lived) -> None:
    found = different_decisions(alone, lived.workspace, "flights")
    assert found == [], "\n".join(found)
    assert len(told(alone, "flights")) > 10
    (refused,) = lived.workspace.ledger.find(use_case="flights", gate="ingestion", partition=REFUSED)
    assert refused.verdict.value == "refuse"
    lived.workspace.ledger.verify()


def test_the_champions_are_equal(alone: Workspace, lived: Lived) -> None:
    champions = [
        [(champion.version, champion.as_of) for champion in champions_of(workspace.ledger, "flights")]
        for workspace in (alone, lived.workspace)
    ]
    assert champions[0] == champions[1]
    assert len(champions[0]) == TRAININGS
    assert lived.workspace.registry.alias_version("flights", CHAMPION) == champions[1][0][0]


def test_both_workers_take_tasks_and_their_logs_are_read_in_one_place(spread: Topology, lived: Lived) -> None:
    hosts: Counter[str] = Counter()
    for number in (1, 2):
        logs = spread.home / f"worker-{number}" / "airflow" / "logs"
        hosts[f"worker-{number}"] = sum(path.is_file() for path in logs.rglob("attempt=*.log"))
    assert min(hosts.values()) >= 2, hosts
    run = lived.api.runs("flights.ingest", partition_key=REFUSED)[-1]
    path = f"/dags/flights.ingest/dagRuns/{run.run_id.replace('+', '%2B')}/taskInstances/ingest/logs/1"
    text = str(lived.api._get(path)["content"])
    (refused,) = lived.workspace.ledger.find(use_case="flights", gate="ingestion", partition=REFUSED)
    assert refused.id in text


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
        needs = component_of(name).needs
        assert {one for one, url in urls.items() if url in known} <= needs, name
        assert (keys in known) <= (S3 in needs), name
        assert not any(url in " ".join(process.cmdline()) for url in urls.values())


def test_the_workers_are_warm_and_nobody_else(spread: Topology, lived: Lived) -> None:
    warm = set()
    for name, process in parts(spread):
        with suppress(psutil.NoSuchProcess):  # a child that has ended meanwhile
            if any("/deltalake/" in mapped.path for mapped in process.memory_maps()):
                warm.add(name)
    # The pages of the API server have read reports and decisions, not tables.
    assert warm == {"worker-1", "worker-2"}


def test_a_backup_of_it_is_restored_on_a_folder(
    spread: Topology, lived: Lived, use_cases: Path, tmp_path: Path
) -> None:
    database = SecretStr((spread.secrets / "airlock_mlflow_database_url").read_text().strip())
    named = lived.workspace.settings.model_copy(update={"mlflow_database_url": database})
    backup(str(tmp_path / "backup"), Workspace(named))
    settings = Settings(
        _env_file=None,
        home=tmp_path / "restored",
        use_cases_dir=use_cases,
        signing_key=str(spread.secrets / "signing.pem"),
    )
    found = restore(str(tmp_path / "backup"), Workspace(settings))
    assert [one for one in found if not one.holds] == []
    assert Workspace(settings).ledger.verify() == lived.workspace.ledger.verify()


def test_old_rows_of_airflow_are_cleaned_where_its_database_is_known(spread: Topology, lived: Lived) -> None:
    runs = len(lived.api.runs("flights.ingest"))
    process = spread.spawn("clean-metadata")
    while process.alive:
        time.sleep(0.5)
    assert "clean-metadata kept the last 90 days" in process.last_words()
    assert len(lived.api.runs("flights.ingest")) == runs, "nothing is old"


def test_a_second_start_is_refused_and_a_stop_ends_all_of_it_and_nothing_else(
    spread: Topology, lived: Lived
) -> None:
    with pytest.raises(ConfigurationError, match="running already"):
        Topology(spread.settings).start()
    assert spread.well("worker-1")
    known = [process.pid for process in spread.running.processes]
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        ended = topology.stop(spread.home, grace=3)
        assert set(ended) == {*spread.names, *topology.SERVERS}
        assert not [
            pid for pid in known if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"
        ]
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    assert topology.stop(spread.home) == []
