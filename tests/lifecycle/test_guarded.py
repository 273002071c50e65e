"""One running Airflow in production: who may do what, what is told, and that no secret gets out.

The stores hold a week that was lived before (`tests/cli/lifecycle_fixture.py`), so that a rollback has
somewhere to go. The tests build on each other, in order; the last one looks through all that was written.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
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
from cli.credentials import ROLES, passwords_file
from cli.health import WITHOUT_TLS
from cli.services import Plan
from include.ledger import Ledger
from include.settings import PROJECT_ROOT, Settings
from tests.cli.lifecycle_fixture import BROKEN, Installation, filled, set_aside
from tests.runbook import Procedure, carry_out, procedures
from tests.security.test_secrets import CANARY, planted
from tests.servers import running_airflow

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

USERS = {"viewer": "vera", "user": "uma", "op": "otto", "admin": "admin"}
ASIDE = "2013-01-03"
NASTY = "{{ 7 * 191 }} {{ conn.shop }} {% raw %}${7*191}"


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
    url: str
    lived: Installation
    alerts: list[dict[str, Any]]
    metrics: set[str]
    tokens: dict[str, str] = field(default_factory=dict)

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


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
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
        with running_airflow(tmp_path_factory, settings, Plan(mlflow=False)) as running:
            found = Guarded(settings, running.airflow_url, lived, receiver.got, names)  # type: ignore[attr-defined]
            with found.api("admin") as api:
                api.wait_for_dags(
                    [f"flights.{stage}" for stage in ("ingest", "train", "rollback", "quarantine")],
                    timeout=180,
                )
                # Its DAG is paused, so it waits; the deadline of the use case is one minute.
                api.trigger("flights.train", run_id="late", conf={"as_of": "2013-01-09", "reason": "late"})
            yield found
        receiver.shutdown()


RUN = {"logical_date": None, "conf": {}}
MISSING = "/api/v2/dags/flights.train/dagRuns/none/taskInstances"
# What a person asks for, as a request that changes nothing even where it is allowed: the DAGs are paused, the
# params are missing, or what is named is not there.
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "read decisions and reports": ("GET", "/airlock/?use_case=flights", None),
    "run a date": ("POST", "/api/v2/dags/flights.features/dagRuns", {**RUN, "partition_key": "2013-01-01"}),
    "backfill a range": (
        "POST",
        "/api/v2/backfills",
        {"dag_id": "flights.none", "from_date": "2013-01-01T00:00:00Z", "to_date": "2013-01-02T00:00:00Z"},
    ),
    "start a training": ("POST", "/api/v2/dags/flights.train/dagRuns", {**RUN, "conf": {"as_of": "no date"}}),
    "pause a DAG": ("PATCH", "/api/v2/dags/flights.train", {"is_paused": True}),
    "clear a task": ("POST", "/api/v2/dags/flights.train/clearTaskInstances", {"dag_run_id": "none"}),
    "approve or reject": (
        "PATCH",
        f"{MISSING}/approve/-1/hitlDetails",
        {"chosen_options": ["Approve"], "params_input": {}},
    ),
    "roll back": ("POST", "/api/v2/dags/flights.rollback/dagRuns", {**RUN, "conf": {"reason": ""}}),
    "release or discard rows": ("POST", "/api/v2/dags/flights.quarantine/dagRuns", RUN),
    "run maintenance": (
        "POST",
        "/api/v2/dags/airlock.maintenance/clearTaskInstances",
        {"dag_run_id": "none"},
    ),
    "forge what a task hands on": (
        "POST",
        f"{MISSING}/evaluate/xcomEntries",
        {"key": "return_value", "value": {"version": "1"}},
    ),
    "read connections": ("GET", "/api/v2/connections", None),
    "change connections": ("DELETE", "/api/v2/connections/none", None),
}


def documented() -> dict[str, dict[str, bool]]:
    """Read the table of docs/roles.md: action, then yes or no by role."""
    text = (PROJECT_ROOT / "docs" / "roles.md").read_text(encoding="utf-8")
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == len(ROLES) + 2 and set(cells[1 : 1 + len(ROLES)]) <= {"yes", "no"}:
            found[cells[0]] = dict(zip(ROLES, (cell == "yes" for cell in cells[1:]), strict=False))
    return found


def test_each_role_may_do_what_the_table_says_and_nothing_else(guarded: Guarded) -> None:
    table = documented()
    assert set(table) == set(REQUESTS)
    before = guarded.ledger.verify()
    found: dict[str, dict[str, bool]] = {}
    for action, (method, path, body) in REQUESTS.items():
        for role in ROLES:
            status = guarded.ask(role, method, path, body).status_code
            assert status != httpx.codes.UNAUTHORIZED
            assert status < httpx.codes.INTERNAL_SERVER_ERROR, f"{role}: {action}: {status}"
            found.setdefault(action, {})[role] = status != httpx.codes.FORBIDDEN
    assert found == table
    assert (
        httpx.post(f"{guarded.url}{REQUESTS['roll back'][1]}", json=RUN, trust_env=False).status_code == 401
    )
    assert guarded.ledger.verify() == before, "asking alone has changed something"


# What everybody may change is their own: which DAGs they like to see first. A list is asked for, and read.
OWN = re.compile(r"/((un)?favorite|list)$")


def test_a_viewer_changes_nothing_by_any_endpoint(guarded: Guarded) -> None:
    paths = guarded.ask("viewer", "GET", "/openapi.json").json()["paths"]
    names = {"dag_id": "flights.train", "dag_run_id": "late", "task_id": "train", "map_index": "-1"}
    tried, let_in = 0, []
    for path, methods in paths.items():
        filled_in = re.sub(r"\{(\w+)(:\w+)?\}", lambda found: names.get(found[1], "1"), path)
        for method in sorted({"post", "put", "patch", "delete"} & set(methods)):
            if not path.startswith("/api/v2/") or OWN.search(path):
                continue
            tried += 1
            status = guarded.ask("viewer", method.upper(), filled_in, {}).status_code
            if status < httpx.codes.BAD_REQUEST:
                let_in.append(f"{method} {path}: {status}")
    assert tried > 40
    assert let_in == []


def test_the_command_line_is_no_way_round_the_roles(guarded: Guarded) -> None:
    before = guarded.ledger.verify()
    rollback = ("rollback", "flights", "--reason", NASTY)
    code, told = guarded.command(None, *rollback)
    assert code == 1
    assert "changes go through Airflow, by your own rights" in told
    for role in ("viewer", "user"):
        code, told = guarded.command(role, *rollback)
        assert code == 1
        assert "403" in told
    assert guarded.ledger.verify() == before
    guarded.ask("admin", "PATCH", "/api/v2/dags/flights.rollback", {"is_paused": False})
    code, told = guarded.command("op", *rollback, "--json")
    assert code == 0, told
    (decision,) = guarded.ledger.find(gate="rollback")
    # What a person wrote is a text: no template, no connection, no sum.
    assert decision.evidence["reason"] == NASTY
    assert decision.actor == "otto"


def test_rows_are_let_in_and_given_up_by_whoever_may(guarded: Guarded) -> None:
    guarded.ask("admin", "PATCH", "/api/v2/dags/flights.quarantine", {"is_paused": False})
    release = ("quarantine", "release", "flights", ASIDE, "--row", "50", "--exception", NASTY)
    code, told = guarded.command("user", *release)
    assert (code, "403" in told) == (1, True), told
    code, told = guarded.command("op", *release)
    assert code == 0, told
    code, told = guarded.command("op", "quarantine", "discard", "flights", ASIDE, "--all", "--reason", "test")
    assert code == 0, told
    found = {gate: guarded.ledger.find(gate=gate)[0] for gate in ("release", "discard")}
    assert [(one.actor, one.evidence["rows"]) for one in found.values()] == [("otto", 1), ("otto", 1)]
    assert found["release"].evidence["exception"] == NASTY
    # Nothing is held any more; that is said, and nothing is decided.
    code, told = guarded.command("op", *release[:4], "--row", "7")
    assert (code, "decided nothing" in told) == (1, True), told


def test_a_source_that_does_not_answer_is_tried_again_and_does_not_tell_its_login(guarded: Guarded) -> None:
    guarded.ask("admin", "PATCH", "/api/v2/dags/orders.ingest", {"is_paused": False})
    with guarded.api("user") as api:
        run = api.trigger("orders.ingest", partition_key="2024-01-01")
        states: list[str | None] = []

        def tried() -> bool:
            states[:] = [task.state for task in api.tasks("orders.ingest", run.run_id)]
            return states[0] in {"up_for_retry", "failed"}

        _until(tried, f"it did not end: {states}", patience=180)
        assert states == ["up_for_retry"]
    (log,) = (guarded.settings.home / "airflow" / "logs").rglob("*orders.ingest*/*/*/attempt=1.log")
    text = log.read_text()
    assert "The database of connection 'shop' failed" in text
    assert CANARY not in text
    guarded.ask("admin", "PATCH", "/api/v2/dags/orders.ingest", {"is_paused": True})


def test_a_refusal_is_told_and_its_lines_say_what_they_are_about(guarded: Guarded) -> None:
    guarded.ask("admin", "PATCH", "/api/v2/dags/flights.ingest", {"is_paused": False})
    with guarded.api("user") as api:
        # Another file than the one that was refused before: the same one again would be no news.
        (guarded.lived.home / "landing" / "flights" / f"{BROKEN}.parquet").write_bytes(b"PAR1 cut off again")
        run = api.trigger("flights.ingest", partition_key=BROKEN)
        assert api.wait_for_run("flights.ingest", run.run_id).state == "failed"
    (decision,) = guarded.ledger.find(gate="ingestion", partition=BROKEN, limit=1)
    assert decision.actor == "uma"
    (log,) = (guarded.settings.home / "airflow" / "logs").rglob("*flights.ingest*/*/*/attempt=1.log")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (told,) = [line for line in lines if line.get("decision_id") == decision.id and line.get("gate")]
    wanted = {
        "use_case": "flights",
        "partition": BROKEN,
        "stage": "ingest",
        "gate": "ingestion",
        "verdict": "refuse",
        "dag_id": "flights.ingest",
        "run_id": run.run_id,
    }
    assert {name: told.get(name) for name in wanted} == wanted


def test_metrics_of_stages_and_gates_arrive(guarded: Guarded) -> None:
    wanted = {
        "airflow.airlock.flights.stage.ingest.refused",
        "airflow.airlock.flights.stage.ingest.duration",
        "airflow.airlock.flights.gate.ingestion.refuse",
        "airflow.airlock.flights.intake.refused",
        "airflow.airlock.flights.stage.rollback.done",
    }
    _until(lambda: wanted <= guarded.metrics, f"{wanted - guarded.metrics} did not arrive")
    ours = {name for name in guarded.metrics if name.startswith("airflow.airlock.")}
    text = (PROJECT_ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    patterns = [
        re.escape(name).replace(r"<use\ case>", "(flights|orders)")
        for name in re.findall(r"^\| `(airlock\.[^`]+)`", text, re.MULTILINE)
    ]
    known = re.compile("|".join(re.sub(r"<[a-z]+>", "[a-z_]+", pattern) for pattern in patterns))
    assert [name for name in ours if not known.fullmatch(name.removeprefix("airflow."))] == []


def _paused(guarded: Guarded, told: str) -> None:
    with guarded.api("viewer") as api:
        assert api.dag("flights.train").is_paused


def _ran(stage: str) -> Callable[[Guarded, str], None]:
    def check(guarded: Guarded, told: str) -> None:
        with guarded.api("viewer") as api:
            assert api.wait_for_run(f"flights.{stage}", told.strip(), timeout=120).state == "success"

    return check


def _queued(guarded: Guarded, told: str) -> None:
    with guarded.api("viewer") as api:
        run = api.run("flights.train", told.strip())
        assert (run.state, run.conf) == ("queued", {"as_of": "2013-01-08", "reason": "new carrier"})


def _filled_back(guarded: Guarded, told: str) -> None:
    with guarded.api("user") as api:
        ended = api.wait_for_backfill(api.backfill(int(told)), timeout=180)
        (run,) = api.runs("flights.ingest", run_type="backfill")
        assert (run.state, run.partition_key) == ("success", "2013-01-04")
        assert ended.completed_at is not None


def _rolled_back(guarded: Guarded, told: str) -> None:
    newest = guarded.ledger.find(gate="rollback", limit=1)[0]
    assert (newest.evidence["version"], newest.evidence["reason"]) == ("2", "wrong since Monday")


PROCEDURES: dict[str, tuple[str, Callable[[Guarded, str], None]]] = {
    "pause-retraining": ("user", _paused),
    "run-a-date": ("user", _ran("ingest")),
    "backfill": ("user", _filled_back),
    "train": ("user", _queued),
    "roll-back": ("op", _rolled_back),
}


def test_every_procedure_of_the_runbook_is_carried_out() -> None:
    assert {one.name for one in procedures() if one.on == "airflow"} == set(PROCEDURES)


@pytest.mark.parametrize(
    "procedure", [one for one in procedures() if one.on == "airflow"], ids=lambda one: one.name
)
def test_a_procedure_does_what_the_page_says(procedure: Procedure, guarded: Guarded) -> None:
    role, check = PROCEDURES[procedure.name]
    environment = {"AIRFLOW": guarded.url, "TOKEN": guarded.token(role), **guarded.lived.environment}
    done = carry_out(procedure, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    check(guarded, done.stdout)


def test_a_late_training_is_told_by_airflows_deadline(guarded: Guarded) -> None:
    _until(lambda: guarded.ledger.find(gate="deadline", partition="2013-01-09") != [], "it was not late", 240)
    (decision,) = guarded.ledger.find(gate="deadline", partition="2013-01-09")
    assert "run late was asked for" in decision.reasons[0]
    _until(lambda: any(alert["gate"] == "deadline" for alert in guarded.alerts), "nobody was told")
    told = [alert["title"] for alert in guarded.alerts if alert["gate"] == "deadline"]
    assert told == ["flights 2013-01-09: a run is late"]


def test_no_secret_got_out(guarded: Guarded) -> None:
    assert guarded.alerts, "nothing was told, so nothing is proven"
    home, found = guarded.settings.home, []
    looked = 0
    for path in home.rglob("*"):
        if path.is_file() and path.parent.name != "secrets":
            looked += 1
            if CANARY.encode() in path.read_bytes():
                found.append(str(path.relative_to(home)))
    assert looked > 100
    assert found == []
    assert CANARY not in json.dumps(guarded.alerts)
    assert not any(CANARY in name for name in guarded.metrics)


def _until(done: Callable[[], bool], otherwise: str, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not done():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.5)
