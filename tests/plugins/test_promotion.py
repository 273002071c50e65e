"""The operators of promotion, with what Airflow hands them: an answer is recorded, and only a yes goes on."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.standard.exceptions import HITLTriggerEventError

from airlock.operators.promotion import ApproveCandidateOperator
from include.errors import GateRefused
from include.settings import PROJECT_ROOT, Settings
from include.workspace import Workspace

CANDIDATE = {"version": "2", "run_id": "run", "as_of": "2013-02-11", "decision_id": "evaluation"}
ASKING = "promotion:\n  approval: {approvers: [ada, grace], timeout_hours: 48}\n"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    shutil.copytree(PROJECT_ROOT / "include" / "use_cases" / "flights", tmp_path / "use_cases" / "flights")
    with (tmp_path / "use_cases" / "flights" / "use_case.yaml").open("a") as declared:
        declared.write(ASKING)
    settings = Settings(_env_file=None, home=tmp_path / "home", use_cases_dir=tmp_path / "use_cases")
    monkeypatch.setattr("include.workspace.get_settings", lambda: settings)
    monkeypatch.setattr("include.promotion.approving._show", lambda *_: None)
    return Workspace(settings)


@pytest.fixture
def operator():
    return ApproveCandidateOperator(
        task_id="approve",
        use_case="flights",
        evaluated_by="evaluate",
        approvers=["ada", "grace"],
        timeout_hours=48,
    )


def context(triggered_by=None):
    return {
        "ti": SimpleNamespace(xcom_pull=lambda task_ids: CANDIDATE if task_ids == "evaluate" else None),
        "dag_run": SimpleNamespace(triggering_user_name=triggered_by),
    }


def answered(option, by="ada", comment=""):
    """Return what the task is resumed with: `HITLDetail.as_resume_event_payload` of Airflow."""
    return {
        "chosen_options": [option],
        "params_input": {"comment": comment},
        "responded_at": datetime(2013, 2, 11, tzinfo=UTC),
        "responded_by_user": {"id": by, "name": by},
        "timedout": False,
    }


def test_a_yes_is_recorded_and_goes_on(installed, operator):
    found = operator.execute_complete(context("alan"), answered("Approve", comment="slices are fine"))
    decision = installed.ledger.get(found["decision_id"])
    assert (decision.gate, decision.actor, decision.verdict.value) == ("approval", "ada", "pass")
    assert decision.reasons == ["ada approved version 2: slices are fine"]
    assert decision.evidence["triggered_by"] == "alan"


NOES = {
    "rejected": (answered("Reject", comment="not yet"), "ada rejected version 2: not yet", None),
    "silence": (
        {"error": "The response timeout has passed", "error_type": "timeout"},
        "nobody answered about version 2 within 48 hours",
        None,
    ),
    "whoever started it": (answered("Approve"), "ada approved version 2 and had started its training", "ada"),
    "somebody else": (answered("Approve", by="eve"), "only ada, grace may approve", None),
}


@pytest.mark.parametrize(("event", "reason", "triggered_by"), NOES.values(), ids=NOES)
def test_everything_else_is_recorded_and_stops(installed, operator, event, reason, triggered_by):
    with pytest.raises(GateRefused, match=reason) as refused:
        operator.execute_complete(context(triggered_by), event)
    assert operator.references == {"decision_id": refused.value.decision_id}
    assert installed.ledger.get(refused.value.decision_id).verdict.value == "refuse"


def test_an_error_of_airflow_is_no_answer(installed, operator):
    with pytest.raises(HITLTriggerEventError):
        operator.execute_complete(context(), {"error": "lost", "error_type": "unknown"})
    assert installed.ledger.find() == []


def test_what_the_person_is_asked(operator):
    assert operator.response_timeout == timedelta(hours=48)
    assert operator.assigned_users == [{"id": "ada", "name": "ada"}, {"id": "grace", "name": "grace"}]
    assert operator.options == ["Approve", "Reject"]
    assert operator.defaults is None, "silence must not become an answer"
    assert "comment" in operator.serialized_params
    assert {"subject", "body"} <= set(operator.template_fields)
    assert "{{ ti.xcom_pull(task_ids='evaluate')['version'] }}" in operator.subject
