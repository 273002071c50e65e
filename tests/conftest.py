"""What the tests share: an installation of their own each, real landed flights, and a real S3 server."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from functools import cache, partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from cli import landing
from include.settings import PROJECT_ROOT, Settings
from include.use_case import UseCase, read_use_case
from include.workspace import Workspace
from tests import mlflow_tables, servers, without_spark  # noqa: F401
from tests.chaos import matrix as faults
from tests.kills import WHOLE, Victims
from tests.sharing import shared

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LANDED = ("2013-01-01", "2013-02-12")
# Files that share what takes seconds to make in each worker, and therefore one worker.
_TOGETHER = {
    "a running Airflow": ("tests/cli/on_airflow/",),
    "a replay": ("tests/include/simulation/",),
    "Spark": ("tests/include/features/test_spark", "tests/security/test_models"),
    "processes to kill, and a store on S3": (
        "tests/chaos/test_full_disk",
        "tests/chaos/test_kills",
        "tests/chaos/test_races",
        "tests/chaos/test_stores",
        "tests/corpus/",
        "tests/include/features/test_stage",
        "tests/include/ingestion/sources/test_deliveries",
        "tests/include/ingestion/test_release_kill",
        "tests/include/ingestion/test_stage_kill",
        "tests/include/maintenance/test_under_load",
        "tests/include/test_behind_a_proxy",
        "tests/include/test_lake",
        "tests/include/test_ledger",
        "tests/include/test_storage",
        "tests/security/test_secrets",
    ),
}
_LONGEST = (
    "lifecycle/test_airflow",
    "lifecycle/test_topology",
    # Before the next Airflow: with three at once, two cores spend more on each of them.
    "simulation/test_agreement",
    "tests/chaos/",
    "cli/on_airflow/",
    "evaluation/test_stage",
    "training/test_stage",
    "cli/test_operations",
    "promotion/test_stage",
)

# The same examples in every run, so that a failure is of the change it came with;
# `HYPOTHESIS_PROFILE=explore` looks for new ones.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=1_000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# A worker of the tests has no main program. Spark takes such a process for its own doctests and ends it, as
# soon as Great Expectations looks whether Spark is there.
if sys.modules["__main__"].__spec__ is None and not hasattr(sys.modules["__main__"], "__file__"):
    sys.modules["__main__"].__spec__ = ModuleSpec("__main__", None)


def pytest_collectstart() -> None:
    """What is imported to collect the tests stays: looking for what to free would take seconds."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that workers which share the files end together."""
    items.sort(key=lambda item: [part in item.nodeid for part in _LONGEST], reverse=True)


def pytest_collection_finish() -> None:
    """Keep Python's garbage collector from looking, again and again, at a million objects that stay."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give the files that share something costly to one worker."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            if WHOLE:  # minutes of kills: what they share is soon made again
                return nodeid if file == "tests/chaos/test_kills.py" else file
            return next((name for name, files in _TOGETHER.items() if file.startswith(files)), file)

    return Together(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was broken on purpose: this is the one place that hears of all workers' tests."""
    faults.summarise(terminalreporter)


@pytest.fixture(scope="session", autouse=True)
def _flights_are_read_once() -> Iterator[None]:
    """Of the package they come from: a table of a year takes a second to read, whatever part of it lands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landing, "_read", cache(landing._read))
        yield


@pytest.fixture(scope="session", autouse=True)
def _mlflow_begins_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with mlflow_tables.copied_from(partial(shared, tmp_path_factory, "mlflow-tables")):
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting or credential of this machine reach a test."""
    for name in list(os.environ):
        if name.startswith(("AIRLOCK_", "AWS_")):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty installation; a variable that the test has set counts."""
    return Settings(_env_file=None, home=tmp_path / "home")


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    return Workspace(settings)


@pytest.fixture(scope="session")
def flights() -> UseCase:
    return read_use_case(PROJECT_ROOT / "include" / "use_cases" / "flights" / "use_case.yaml")


@pytest.fixture(scope="session")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Landing folder with six weeks of real flights, the blizzard of February among them. Only read it."""
    return shared(tmp_path_factory, "landing", lambda folder: landing.land_flights(str(folder), *LANDED))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[servers.S3Server]:
    with servers.s3_server() as server:
        yield server


@pytest.fixture
def s3_bucket(s3_server: servers.S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of a fresh bucket; the environment leads boto3, Delta and `settings` to its server."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.new_bucket()}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with servers.postgres_server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """SQLAlchemy URL of a fresh database on a real PostgreSQL."""
    return servers.new_database(postgres_server)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    with servers.redis_server() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """URL of an emptied server that speaks Redis."""
    import redis

    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Spark on two threads of this machine."""
    with servers.spark_session() as session:
        yield session


@pytest.fixture(scope="session")
def victims() -> Victims:
    return Victims()
