"""What is told of a task: the stages, gates and metrics that there are stand in the documents."""

from __future__ import annotations

import importlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from airlock.observing import observed
from airlock.operators.base import AirlockOperator
from include.decisions import Decision, Verdict
from include.errors import GateRefused, GateUndecided, NothingToDo, Outage
from include.replay import GATES
from include.settings import PROJECT_ROOT
from include.workspace import Workspace

METRICS = PROJECT_ROOT / "docs" / "metrics.md"
# Stages that no operator of ours has the shape of: an approval is Airflow's own operator.
NOT_OURS = {"approve"}


@pytest.fixture
def packets(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A StatsD server: whatever Airflow sends by UDP arrives here."""
    from airflow.sdk._shared.observability.metrics import stats as shared
    from airflow.sdk.observability import stats

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(server.getsockname()[1]))
        before = shared._backend, shared._factory
        from airflow.sdk.observability.metrics import stats_utils

        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
        yield server
        shared._get_backend().statsd.close()
        shared._backend, shared._factory = before


def received(server: socket.socket, count: int) -> dict[str, str]:
    found = (server.recv(65535).decode().split(":") for _ in range(count))
    return {name: value.partition("|")[2] for name, value in found}


def decision(workspace: Workspace, verdict: Verdict = Verdict.PASS) -> Decision:
    return workspace.ledger.append(
        Decision(
            use_case="flights", gate="ingestion", partition="2013-02-08", as_of="2013-02-09", verdict=verdict,
            reasons=["it snowed"], evidence={}, rule="r", error_rate=None, policy_hash="p", data_refs=[],
            code_version="c", actor="tests",
        )
    )  # fmt: skip


def step(workspace: Workspace, error: Exception | None = None) -> None:
    with observed("ingest", "flights", "2013-02-08", workspace):
        decision(workspace)
        if error is not None:
            raise error


ENDS = {
    "done": None,
    "skipped": NothingToDo("no champion yet"),
    "undecided": GateUndecided(gate="evaluation", decision_id="d", reasons=["few"]),
    "refused": GateRefused(gate="ingestion", decision_id="d", reasons=["snow"]),
    "failed": Outage("no answer"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_stage_and_its_decision_are_sent_by_airflows_own_statsd(
    end: str, packets: socket.socket, workspace: Workspace
) -> None:
    if ENDS[end] is None:
        step(workspace)
    else:
        with pytest.raises(type(ENDS[end])):
            step(workspace, ENDS[end])
    outcome = {"undecided": "skipped"}.get(end, end)
    assert received(packets, 3) == {
        "airflow.airlock.flights.gate.ingestion.pass": "c",
        f"airflow.airlock.flights.stage.ingest.{outcome}": "c",
        "airflow.airlock.flights.stage.ingest.duration": "ms",
    }


def test_nothing_is_sent_where_nobody_listens(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airlock.observing.emit_stage", lambda *_: pytest.fail("sent"))
    step(workspace)


def test_a_decision_is_told_once_with_what_it_is_about(workspace: Workspace) -> None:
    with capture_logs() as lines:
        step(workspace)
        step(workspace)
    (line,) = [line for line in lines if "gate" in line]
    told = workspace.ledger.find()[0]
    assert line["decision_id"] == told.id
    assert {
        name: line[name] for name in ("use_case", "partition", "as_of", "gate", "verdict", "reasons")
    } == {
        "use_case": "flights",
        "partition": "2013-02-08",
        "as_of": "2013-02-09",
        "gate": "ingestion",
        "verdict": "pass",
        "reasons": ["it snowed"],
    }


def operators() -> list[type[AirlockOperator]]:
    for path in Path(PROJECT_ROOT / "plugins/airlock/operators").glob("[a-z]*.py"):
        importlib.import_module(f"airlock.operators.{path.stem}")
    # Other tests of the same process declare operators of their own.
    return [
        cls for cls in AirlockOperator.__subclasses__() if cls.__module__.startswith("airlock.operators.")
    ]


def test_every_stage_and_gate_is_documented() -> None:
    text = METRICS.read_text(encoding="utf-8")
    listed = set(re.findall(r"`([a-z_]+)`", text[text.index("Stages:") : text.index("Gates are those")]))
    assert {cls.stage for cls in operators()} | NOT_OURS == listed
    assert all("stage" in vars(cls) for cls in operators()), "each operator names its stage"
    names = set(re.findall(r"^\| `airlock\.<use case>\.stage\.<stage>\.([a-z]+)`", text, re.MULTILINE))
    assert names == {"done", "skipped", "refused", "failed", "duration"}
    architecture = (PROJECT_ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert {
        gate for gate in GATES if f"| {gate} |" not in architecture and f"`{gate}`" not in architecture
    } == set()
