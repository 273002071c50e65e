"""Start and stop the servers of one home folder: MLflow, and Airflow's components.

Airflow's components are started one by one instead of through `airflow standalone`, which

- serves people and running tasks from one process: on SQLite, their requests wait for each other until one
  gives up after 5 s (while tasks were running, one request in ten failed);
- opens two log servers on all network interfaces;
- leaves its children behind when it is told to end.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from cli import processes, records
from cli.environment import airflow_environment, airflow_home, base_environment
from cli.health import WITHOUT_TLS
from cli.ports import free_ports, is_free
from cli.processes import Process
from cli.records import Running
from include.errors import ConfigurationError, Outage
from include.settings import PROJECT_ROOT, Settings

_POLL_SECONDS = 0.2
Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to start; tests bring their own folders and leave out what they do not need."""

    mlflow: bool = True
    airflow: bool = True
    # Only deferred tasks and asynchronous callbacks need it; since Airflow 3.3, approvals do not.
    triggerer: bool = False
    dags_folder: Path = PROJECT_ROOT / "dags"
    plugins_folder: Path = PROJECT_ROOT / "plugins"
    paused_at_creation: bool = True
    timeout: float = 180


def start(settings: Settings, plan: Plan | None = None, *, report: Report = lambda step: None) -> Running:
    """Start the servers and return when all of them answer. If one does not, all are ended again.

    Args:
        settings: The installation; its home folder keeps data, logs and the record of what runs.
        plan: What to start, if not everything.
        report: Called with each step, for a person who waits.

    Raises:
        ConfigurationError: They are running already, or a port that the settings name is taken.
        Outage: One of them ended or did not answer in time; the message holds the end of its log.
    """
    with records.only_one(settings.home):
        if (found := find(settings)) is not None:
            raise ConfigurationError(
                f"The servers of {settings.home} are running already"
                f" ({found.airflow_url or found.mlflow_url}): end them with `make demo-stop`."
            )
        try:
            return _Start(settings, plan or Plan(), report).run()
        except BaseException:
            _stop(settings, grace=2)
            raise


def stop(settings: Settings, *, grace: float = 20) -> list[str]:
    """End what was started for this home, and nothing else; return the names of what was still running.

    Args:
        settings: The installation.
        grace: Seconds that running tasks get to finish.
    """
    with records.only_one(settings.home):
        return _stop(settings, grace=grace)


def find(settings: Settings) -> Running | None:
    """Return what runs for this home; None if nothing does, whatever an old record says."""
    known = records.read(settings.home)
    return known if known and known.alive else None


@contextmanager
def running(settings: Settings, plan: Plan | None = None) -> Iterator[Running]:
    """Start the servers for the time of a `with` block."""
    started = start(settings, plan)
    try:
        yield started
    finally:
        stop(settings, grace=5)


def _stop(settings: Settings, *, grace: float) -> list[str]:
    known = records.read(settings.home)
    if known is None:
        return []
    # The scheduler goes first, while its tasks can still report how they ended.
    schedulers = [process for process in known.processes if process.name == "scheduler"]
    ended = processes.end(schedulers, grace=grace)
    ended += processes.end([one for one in known.processes if one not in schedulers], grace=grace)
    records.remove(settings.home)
    return ended


class _Start:
    """One start: spawns the servers, then waits for their answers."""

    def __init__(self, settings: Settings, plan: Plan, report: Report) -> None:
        self.settings = settings
        self.plan = plan
        self.report = report
        self.running = Running()

    def run(self) -> Running:
        if self.plan.mlflow:
            self._spawn_mlflow()
        if self.plan.airflow:
            self._spawn_airflow()
        deadline = time.monotonic() + self.plan.timeout
        for name, url in self._questions():
            self.report(f"waiting for {name}")
            self._wait(name, url, deadline)
        return self.running

    def _spawn_mlflow(self) -> None:
        host, port = self.settings.mlflow_host, self._port("mlflow")
        folder = self.settings.home / "mlflow"
        folder.mkdir(parents=True, exist_ok=True)
        self.report(f"starting MLflow on port {port}")
        self._remember(mlflow_url=f"http://{host}:{port}")
        command = ["mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
        # Tasks write artifacts themselves: one copy less than through the server.
        command += ["--default-artifact-root", str(folder / "artifacts"), "--no-serve-artifacts"]
        self._spawn("mlflow", command, base_environment(self.settings))

    def _spawn_airflow(self) -> None:
        host, port, execution_port = self.settings.airflow_host, self._port("airflow"), free_ports(1)[0]
        environment = airflow_environment(
            self.settings,
            api_port=port,
            execution_port=execution_port,
            mlflow_tracking_uri=self.running.mlflow_url,
            dags_folder=self.plan.dags_folder,
            plugins_folder=self.plan.plugins_folder,
            paused_at_creation=self.plan.paused_at_creation,
        )
        self.report("preparing Airflow's metadata database")
        _migrate(self.settings, environment)
        self.report(f"starting Airflow on port {port}")
        self._remember(airflow_url=f"http://{host}:{port}", execution_url=f"http://{host}:{execution_port}")
        components = {
            "execution-api": ["api-server", "--apps", "execution", "--port", str(execution_port)],
            "api-server": ["api-server", "--apps", "core"],
            "dag-processor": ["dag-processor"],
            **({"triggerer": ["triggerer", "--skip-serve-logs"]} if self.plan.triggerer else {}),
            "scheduler": ["scheduler", "--skip-serve-logs"],
        }
        for name, arguments in components.items():
            self._spawn(name, ["airflow", *arguments], environment)

    def _spawn(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        log = self.settings.home / "logs" / f"{name}.log"
        command = [sys.executable, "-m", *arguments]
        process = processes.spawn(name, command, environment=environment, log=log)
        self._remember(processes=(*self.running.processes, process))

    def _remember(self, **changes: Any) -> None:
        """Write the record at once: whatever happens next, what runs can be ended."""
        self.running = replace(self.running, **changes)
        records.write(self.settings.home, self.running)

    def _port(self, server: str) -> int:
        """The port of the settings. If it is taken: an error if somebody chose it, else any free one."""
        setting = f"{server}_port"
        port: int = getattr(self.settings, setting)
        if port and is_free(port):
            return port
        if port and setting in self.settings.model_fields_set:
            raise ConfigurationError(
                f"Port {port} is taken by another program: set AIRLOCK_{setting.upper()} to another port,"
                " or to 0 for any free one."
            )
        [chosen] = free_ports(1)
        if port:
            self.report(f"port {port} is taken by another program: {server} gets {chosen}")
        return chosen

    def _questions(self) -> Iterator[tuple[str, str]]:
        """Which server is ready when which address answers."""
        if self.plan.mlflow:
            yield "mlflow", f"{self.running.mlflow_url}/health"
        if self.plan.airflow:
            # The first request makes this server build its schemas, 3 s of CPU: not in the first task.
            yield "execution-api", f"{self.running.execution_url}/execution/health"
            yield "api-server", f"{self.running.airflow_url}/api/v2/monitor/health"

    def _wait(self, name: str, url: str, deadline: float) -> None:
        while not _answers_well(url, triggerer=self.plan.triggerer):
            for process in self.running.processes:
                if not process.alive:
                    raise Outage(f"{process.name} ended at its start; {_why(process)}")
            if time.monotonic() > deadline:
                why = _why(self.running.process(name))
                raise Outage(f"{name} was not ready within {self.plan.timeout:.0f} s; {why}")
            time.sleep(_POLL_SECONDS)


def _answers_well(url: str, *, triggerer: bool) -> bool:
    try:
        response = httpx.get(url, timeout=30, trust_env=False, verify=WITHOUT_TLS)
    except httpx.TransportError:
        return False
    if response.is_error:
        return False
    if not url.endswith("/monitor/health"):
        return True
    parts = ["metadatabase", "scheduler", "dag_processor", *(["triggerer"] if triggerer else [])]
    health = response.json()
    return all(health[part]["status"] == "healthy" for part in parts)


def _migrate(settings: Settings, environment: dict[str, str]) -> None:
    """Bring the metadata database to the installed version of Airflow; most of the time it is there."""
    home = airflow_home(settings)
    mark, wanted = home / "migrated", version("apache-airflow-core")
    if (home / "airflow.db").exists() and mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return
    home.mkdir(parents=True, exist_ok=True)
    log = settings.home / "logs" / "migration.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    with log.open("wb") as output:
        result = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
    if result.returncode != 0:
        raise Outage(f"`airflow db migrate` failed; {_why(Process('migration', 0, 0, str(log)))}")
    mark.write_text(wanted, encoding="utf-8")


def _why(process: Process) -> str:
    return f"its log {process.log} ends with:\n{process.last_words()}"
