"""One running Airflow in production: who may do what, what is told, and that no secret gets out.

The stores hold a week that was lived before (`tests/cli/lifecycle_fixture.py`), so that a rollback has
somewhere to go. The tests build on each other, in order; the last one looks through all that was written.
The installation is the one of all tests of this folder (`guarded.py`).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cli.credentials import ROLES
from include.settings import PROJECT_ROOT
from tests.cli.lifecycle_fixture import BROKEN
from tests.cli.on_airflow.approval_fixture import ASKING
from tests.cli.on_airflow.guarded import ASIDE, Guarded
from tests.runbook import Procedure, carry_out, procedures
from tests.security.test_secrets import CANARY

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

USE_CASES = ("flights", "orders", *ASKING)
NASTY = "{{ 7 * 191 }} {{ conn.shop }} {% raw %}${7*191}"


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
        re.escape(name).replace(r"<use\ case>", f"({'|'.join(USE_CASES)})")
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
