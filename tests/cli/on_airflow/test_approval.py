"""A person's answer on a real Airflow, given by REST as the UI does; the training before it is a stand-in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from cli.airflow_api import AirflowApi
from cli.records import Running
from include.ledger import Ledger
from include.settings import Settings
from tests.cli.on_airflow.approval_fixture import ASKING

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

_PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Waiting:
    settings: Settings
    url: str
    api: AirflowApi

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.settings.ledger)

    def start(self, use_case: str) -> str:
        """Start a training as the admin and return its run when it waits for an answer."""
        run = self.api.trigger(f"asking.{use_case}", conf={})
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._asked(run.run_id):
            assert time.monotonic() < deadline, f"nobody is asked: {self.states(use_case, run.run_id)}"
            time.sleep(0.5)
        return run.run_id

    def _asked(self, run_id: str) -> bool:
        """Return whether the scheduler has seen that the process that asked has ended.

        A person takes longer. Of an answer that comes before, Airflow 3.3 thinks that the task was killed,
        and asks again (apache/airflow#67287, #72716).
        """
        log = (self.settings.home / "logs" / "scheduler.log").read_text(encoding="utf-8")
        ended = (line for line in log.splitlines() if "TaskInstance Finished" in line and run_id in line)
        return any("task_id=approve," in line and "state=awaiting_input" in line for line in ended)

    def states(self, use_case: str, run_id: str) -> dict[str, str | None]:
        return {task.task_id: task.state for task in self.api.tasks(f"asking.{use_case}", run_id)}

    def answer(self, use_case: str, run_id: str, option: str, comment: str) -> int:
        place = f"asking.{use_case}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
        password = self.settings.airflow_password.get_secret_value()
        login = {"username": self.settings.airflow_user, "password": password}
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as client:
            token = client.post("/auth/token", json=login).json()["access_token"]
            sent = client.patch(
                f"/api/v2/dags/{place}",
                headers={"Authorization": f"Bearer {token}"},
                json={"chosen_options": [option], "params_input": {"comment": comment}},
            )
        return sent.status_code


@pytest.fixture(scope="module")
def waiting(toy_settings: Settings, toy_airflow: Running) -> Iterator[Waiting]:
    with AirflowApi.of(toy_settings, toy_airflow.airflow_url) as api:
        api.wait_for_dags({f"asking.{name}" for name in ASKING}, timeout=_PATIENCE_SECONDS)
        yield Waiting(toy_settings, toy_airflow.airflow_url, api)


def test_a_yes_lets_the_training_go_on_and_is_recorded(waiting: Waiting) -> None:
    run_id = waiting.start("alone")
    assert waiting.answer("alone", run_id, "Approve", "slices are fine") == httpx.codes.OK
    assert waiting.api.wait_for_run("asking.alone", run_id, timeout=_PATIENCE_SECONDS).state == "success"
    (decision,) = waiting.ledger.find(use_case="alone", gate="approval")
    user = waiting.settings.airflow_user
    assert (decision.verdict.value, decision.actor) == ("pass", user)
    assert decision.reasons == [f"{user} approved version 1: slices are fine"]
    assert waiting.api.xcom("asking.alone", run_id, "promote") == {"decision_id": decision.id}
    assert waiting.answer("alone", run_id, "Reject", "too late") == httpx.codes.CONFLICT


def test_whoever_started_the_training_cannot_approve_it_alone(waiting: Waiting) -> None:
    run_id = waiting.start("careful")
    assert waiting.answer("careful", run_id, "Approve", "it is mine") == httpx.codes.OK
    assert waiting.api.wait_for_run("asking.careful", run_id, timeout=_PATIENCE_SECONDS).state == "failed"
    assert waiting.states("careful", run_id) == {
        "evaluate": "success",
        "approve": "failed",
        "promote": "upstream_failed",
    }
    (decision,) = waiting.ledger.find(use_case="careful", gate="approval")
    assert decision.verdict.value == "refuse"
    assert "four eyes are asked for" in decision.reasons[0]


def test_silence_is_a_no(waiting: Waiting) -> None:
    run = waiting.api.trigger("asking.hasty", conf={})
    assert waiting.api.wait_for_run("asking.hasty", run.run_id, timeout=_PATIENCE_SECONDS).state == "failed"
    (decision,) = waiting.ledger.find(use_case="hasty", gate="approval")
    assert decision.verdict.value == "refuse"
    assert decision.reasons[0].startswith("nobody answered about version 1 within ")
    tasks = {task.task_id: task for task in waiting.api.tasks("asking.hasty", run.run_id)}
    assert tasks["approve"].try_number == 1, "a refusal is not tried again"
