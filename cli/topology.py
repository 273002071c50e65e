"""The installation of docker-compose.yaml as processes of this machine, on free loopback ports.

Every part runs with `./airlock component NAME`, as in its container: in a folder of its own, with the secrets
that it needs and no others. They share no file: tables, landed and raw files, logs and models lie on S3,
records on PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from cli import components, health, local_servers, processes, records, secret_files
from cli.environment import settings_as_environment
from cli.local_servers import WEED_PARTS, LocalServers
from cli.ports import free_ports
from cli.processes import Process
from cli.records import Running
from cli.services import Report
from include.errors import ConfigurationError, Outage
from include.settings import PROJECT_ROOT, SECRETS_DIR_VARIABLE, Settings

SERVERS = ("postgres", "redis", "s3")
_POLL_SECONDS = 0.3
# Ended in this order: who hands out work, who does it, who looks on, and last what all of them need.
_ENDED_FIRST = (("scheduler", "triggerer"), ("worker",), ("dag-processor", "api-server", "execution-api"))


@dataclass
class Topology:
    """One start of it.

    Attributes:
        settings: of the person who starts it; its home is where everything lies.
        workers: how many Celery workers.
        report: called with each step.
        timeout: seconds until all must answer.
    """

    settings: Settings
    workers: int = 2
    report: Report = lambda step: None
    timeout: float = 240
    running: Running = field(default_factory=Running)

    def __post_init__(self) -> None:
        self.home = self.settings.home
        self.secrets = self.home / "secrets"
        self.servers = LocalServers(self.home, self.secrets)
        self.shared = self.settings
        self.ports: dict[str, int] = {}
        self.weed_ports: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        """The parts that stay, in the order in which they start."""
        workers = [f"worker-{number}" for number in range(1, self.workers + 1)]
        return [
            "mlflow", "execution-api", "api-server", "dag-processor", "triggerer", "scheduler", *workers
        ]  # fmt: skip

    def start(self) -> Running:
        """Start everything and return when all of it answers.

        Raises:
            ConfigurationError: it runs already, or the servers' packages are not installed.
            Outage: a part ended or did not answer in time; the message holds the end of its log.
        """
        local_servers.require()
        with records.only_one(self.home):
            if (found := records.read(self.home)) and found.alive:
                raise ConfigurationError(
                    f"The servers of {self.home} are running already ({found.airflow_url}): "
                    "end them with `make down-local`"
                )
            try:
                self._start()
            except BaseException:
                _end(self.home, grace=2)
                raise
        return self.running

    def _start(self) -> None:
        deadline = time.monotonic() + self.timeout
        secret_files.draw(self.secrets)
        ports = free_ports(5 + 2 * len(WEED_PARTS))
        api, execution, mlflow, postgres, redis, *weed = ports
        self.shared = _shared(self.settings, api=api, execution=execution, mlflow=mlflow, s3=weed[-2])
        self.shared = self.shared.model_copy(update={"celery_workers": self.workers})
        secret_files.write_addresses(
            self.secrets,
            secret_files.Addresses(postgres=f"127.0.0.1:{postgres}", redis=f"127.0.0.1:{redis}"),
        )
        self._remember(
            airflow_url=self.shared.public_address,
            execution_url=self.shared.execution_url,
            mlflow_url=self.shared.mlflow_tracking_uri,
        )
        self.report("starting PostgreSQL, Redis and S3")
        kinds = [f"{part}.{kind}" for part in WEED_PARTS for kind in ("port", "port.grpc")]
        self.ports = {"postgres": postgres, "redis": redis}
        self.weed_ports = dict(zip(kinds, weed, strict=True))
        for name in SERVERS:
            self.spawn(name)
        for name in SERVERS:
            self._wait(name, lambda name=name: self.well(name), deadline)  # type: ignore[misc]
        self.report("preparing databases and buckets")
        self._prepare(deadline)
        for name in self.names:
            self.spawn(name)
        for name in self.names:
            self.report(f"waiting for {name}")
            self._wait(name, lambda name=name: self.well(name), deadline)  # type: ignore[misc]
        _write_client(self.client_environment(), self.home / "client.env")

    def spawn(self, name: str) -> Process:
        """Start one part, also again after it has ended."""
        if name in SERVERS:
            process = (
                self.servers.s3(self.weed_ports)
                if name == "s3"
                else getattr(self.servers, name)(self.ports[name])
            )
            self._add(process)
            return process
        folder = self.home / name
        process = processes.spawn(
            name,
            [sys.executable, "-P", "-m", "cli", "component", name],
            environment=self._environment(name),
            log=self.home / "logs" / f"{name}.log",
            folder=folder,
        )
        self._add(process)
        return process

    def well(self, name: str) -> bool:
        """Tell whether a part, or a server beneath them, does its work."""
        if name == "s3":
            return health.listens(self.shared.s3_endpoint_url)
        if name == "postgres":
            return self.servers.prepare_databases(self.ports[name])
        if name == "redis":
            return health.accepts("127.0.0.1", self.ports[name])
        settings = self.shared.model_copy(
            update={
                f"{one}_url": SecretStr(secret_files.read(self.secrets, f"airlock_{one}_url"))
                for one in ("airflow_database", "celery_broker")
            }
        )
        try:
            health.examine(name, settings, {})
        except Outage:
            return False
        return True

    def client(self) -> Settings:
        """Return the settings by which a person, or a test, looks at what the parts have done."""
        return self.shared.model_copy(
            update={
                "home": self.home / "client",
                "ledger_url": SecretStr(secret_files.read(self.secrets, "airlock_ledger_url")),
                "airflow_password": SecretStr(secret_files.read(self.secrets, "airlock_airflow_password")),
                "privacy_key": SecretStr(secret_files.read(self.secrets, "airlock_privacy_key")),
                "signing_key": str(self.secrets / "signing.pem"),
            }
        )

    def client_environment(self) -> dict[str, str]:
        """Return the same as variables, with the keys of the object store."""
        keys = {"AWS_SHARED_CREDENTIALS_FILE": str(self.secrets / secret_files.S3_TASKS)}
        return settings_as_environment(self.client()) | components.s3_keys(keys) | {
            "MLFLOW_S3_ENDPOINT_URL": self.shared.s3_endpoint_url
        }  # fmt: skip

    def _prepare(self, deadline: float) -> None:
        """Run the part that makes databases and buckets, to its end."""
        process = self.spawn("prepare")
        self._wait("prepare", lambda: not process.alive, deadline)
        self._remember(processes=tuple(one for one in self.running.processes if one is not process))
        if "ready: bucket" not in process.last_words(50):
            raise Outage(f"databases and buckets could not be prepared; {_why(process)}")

    def _environment(self, name: str) -> dict[str, str]:
        """Return what a part's container would get: public settings, and a folder with its own secrets."""
        folder = self.home / name
        granted = folder / "granted"
        shutil.rmtree(granted, ignore_errors=True)
        granted.mkdir(mode=0o700, parents=True)
        for target, source in components.secret_files(name).items():
            shutil.copyfile(self.secrets / source, granted / target)
        public = {
            variable: value
            for variable, value in settings_as_environment(self.shared).items()
            if variable.removeprefix("AIRLOCK_").lower() not in components.CONFIDENTIAL
        }
        return public | {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "PYTHONPATH": str(PROJECT_ROOT),
            "AIRLOCK_HOME": str(folder),
            "AIRLOCK_KEYS_FILE": str(granted / "keys.json"),
            "AIRLOCK_SIGNING_KEY": str(granted / "signing.pem"),
            "AWS_SHARED_CREDENTIALS_FILE": str(granted / secret_files.S3_TASKS),
            SECRETS_DIR_VARIABLE: str(granted),
        }

    def _add(self, process: Process) -> None:
        others = [one for one in self.running.processes if one.name != process.name]
        self._remember(processes=(*others, process))

    def _remember(self, **changes: object) -> None:
        """Write the record at once: whatever happens next, what runs can be ended."""
        self.running = replace(self.running, **changes)  # type: ignore[arg-type]
        records.write(self.home, self.running)

    def _wait(self, name: str, done: Callable[[], bool], deadline: float) -> None:
        while not done():
            for process in self.running.processes:
                if process.name != "prepare" and not process.alive:
                    raise Outage(f"{process.name} ended at its start; {_why(process)}")
            if time.monotonic() > deadline:
                raise Outage(
                    f"{name} was not ready within {self.timeout:.0f} s; {_why(self.running.process(name))}"
                )
            time.sleep(_POLL_SECONDS)


def stop(home: Path, *, grace: float = 20) -> list[str]:
    """End what was started in a folder, and nothing else; return the names of what was still running."""
    with records.only_one(home):
        return _end(home, grace=grace)


@contextmanager
def running(settings: Settings, *, workers: int = 2) -> Iterator[Topology]:
    """Run it for the time of a `with` block."""
    topology = Topology(settings, workers=workers)
    topology.start()
    try:
        yield topology
    finally:
        stop(settings.home, grace=5)


def _end(home: Path, *, grace: float) -> list[str]:
    known = records.read(home)
    if known is None:
        return []
    ended: list[str] = []
    left = list(known.processes)
    for kinds in (*_ENDED_FIRST, ("mlflow", *SERVERS, "prepare")):
        group = [one for one in left if components.kind_of(one.name) in kinds]
        ended += processes.end(group, grace=grace)
    records.remove(home)
    return ended


def _shared(settings: Settings, *, api: int, execution: int, mlflow: int, s3: int) -> Settings:
    """Return the settings that all parts share."""
    address = f"http://127.0.0.1:{api}"
    return settings.model_copy(
        update={
            "landing_url": "s3://airlock-landing/landing",
            "lake_url": "s3://airlock-lake/lake",
            "mlflow_artifacts_url": "s3://airlock-models/mlflow",
            "task_logs_url": "s3://airlock-logs/tasks",
            "s3_endpoint_url": f"http://127.0.0.1:{s3}",
            "mlflow_tracking_uri": f"http://127.0.0.1:{mlflow}",
            "execution_url": f"http://127.0.0.1:{execution}",
            "public_url": address,
            "airflow_host": "127.0.0.1",
            "airflow_port": api,
            "mlflow_host": "127.0.0.1",
            "mlflow_port": mlflow,
        }
    )


def _write_client(environment: Mapping[str, str], path: Path) -> None:
    path.touch(mode=0o600)
    path.write_text(
        "".join(f"{name}={value!r}\n" for name, value in sorted(environment.items())), encoding="utf-8"
    )


def _why(process: Process) -> str:
    return f"its log {process.log} ends with:\n{process.last_words()}"
