"""An installation in production: its stores hold a lived week; its Airflow has roles, and tells what happens.

Its DAGs are the shipped ones, and toys beside them.
"""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from cli.airflow_api import AirflowApi
from cli.credentials import passwords_file
from cli.health import WITHOUT_TLS
from cli.records import Running
from cli.services import Plan
from include.ledger import Ledger
from include.settings import PROJECT_ROOT, Settings
from tests.cli.lifecycle_fixture import Installation, filled, set_aside
from tests.cli.on_airflow.approval_fixture import write_trainings
from tests.cli.on_airflow.toys import write_toys
from tests.security.test_secrets import CANARY, planted
from tests.servers import running_airflow

USERS = {"viewer": "vera", "user": "uma", "op": "otto", "admin": "admin"}
ASIDE = "2013-01-03"


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Stay quiet."""


@dataclass
class Guarded:
    """The running installation and what it tells."""

    settings: Settings
    running: Running
    lived: Installation
    alerts: list[dict[str, Any]]
    metrics: set[str]
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.running.airflow_url

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.settings.ledger)

    def token(self, role: str) -> str:
        if role not in self.tokens:
            passwords = json.loads(passwords_file(self.settings.home).read_text())
            login = {"username": USERS[role], "password": passwords[USERS[role]]}
            answer = httpx.post(f"{self.url}/auth/token", json=login, trust_env=False, timeout=60)
            self.tokens[role] = answer.json()["access_token"]
        return self.tokens[role]

    def ask(self, role: str, method: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token(role)}"},
            trust_env=False,
            verify=WITHOUT_TLS,
            timeout=60,
        )

    def api(self, role: str) -> AirflowApi:
        return AirflowApi.by_token(self.url, SecretStr(self.token(role)))

    def command(self, role: str | None, *arguments: str) -> tuple[int, str]:
        """Run a command as a person with a role, in production."""
        environment = {"AIRLOCK_PRODUCTION": "true", "AIRLOCK_PUBLIC_URL": self.url}
        environment |= {"AIRLOCK_API_TOKEN": self.token(role)} if role else {}
        done = self.lived.run(*arguments, **environment)
        return done.exit_code, done.output


def _listen(server: socket.socket, names: set[str]) -> None:
    while True:
        try:
            packet = server.recv(65535).decode()
        except OSError:
            return
        names.update(line.split(":")[0] for line in packet.splitlines())


def _declare_deadline(use_cases: Path) -> None:
    path = use_cases / "flights" / "use_case.yaml"
    path.write_text(f"{path.read_text()}\nalerts: {{deadlines: {{train_minutes: 1}}}}\n")


def _declare_orders(use_cases: Path) -> None:
    """Declare a use case whose batches come from a database that is not there, by the connection `shop`."""
    content = yaml.safe_load((PROJECT_ROOT / "tests/data/use_cases/minimal/use_case.yaml").read_text())
    query = "SELECT * FROM loans WHERE day = :partition ORDER BY loan"
    source = {name: content["source"][name] for name in ("event_time", "timezone", "start_date")}
    # Data that has ended: otherwise the schedule starts a run of its own, and the one asked for waits for it.
    source["end_date"] = date(2024, 1, 31)
    content |= {"name": "orders", "source": source | {"kind": "sql", "connection": "shop", "query": query}}
    (use_cases / "orders").mkdir()
    (use_cases / "orders" / "use_case.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


@contextmanager
def guarded_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    base = tmp_path_factory.mktemp("guarded")
    lived = filled(tmp_path_factory.mktemp("lived")).copy(base)
    set_aside(lived, ASIDE, [50, 51])
    _declare_deadline(lived.use_cases)
    _declare_orders(lived.use_cases)
    names: set[str] = set()
    with (
        pytest.MonkeyPatch.context() as patch,
        HTTPServer(("127.0.0.1", 0), Receiver) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd,
    ):
        receiver.got = []  # type: ignore[attr-defined]
        threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        statsd.bind(("127.0.0.1", 0))
        threading.Thread(target=_listen, args=(statsd, names), daemon=True).start()
        secrets = {name: value for name, value in planted(9).items() if not name.startswith("AIRLOCK_")}
        for name, value in secrets.items():
            patch.setenv(name, value)
        patch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
        patch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
        patch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(statsd.getsockname()[1]))
        settings = Settings(
            _env_file=None,
            home=lived.home,
            use_cases_dir=lived.use_cases,
            airflow_port=0,
            airflow_users="vera:viewer,uma:user,otto:op",
            airflow_password=SecretStr(f"{CANARY}-password"),
            privacy_key=SecretStr(CANARY * 3),
            alert_webhook_url=SecretStr(f"http://127.0.0.1:{receiver.server_port}/{CANARY}"),
        )
        dags = Path(shutil.copytree(PROJECT_ROOT / "dags", base / "dags"))
        write_toys(dags)
        write_trainings(dags, settings)
        with running_airflow(tmp_path_factory, settings, Plan(mlflow=False, dags_folder=dags)) as running:
            found = Guarded(settings, running, lived, receiver.got, names)  # type: ignore[attr-defined]
            with found.api("admin") as api:
                api.wait_for_dags(
                    [f"flights.{stage}" for stage in ("ingest", "train", "rollback", "quarantine")],
                    timeout=180,
                )
                # Its DAG is paused, so it waits; the deadline of the use case is one minute.
                api.trigger("flights.train", run_id="late", conf={"as_of": "2013-01-09", "reason": "late"})
            yield found
        receiver.shutdown()
