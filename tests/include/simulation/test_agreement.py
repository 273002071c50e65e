"""A simulation decides as the DAGs do: the operators' steps, in the order of the DAGs, on the same files."""

from __future__ import annotations

import re
from types import SimpleNamespace as Made

import pytest

from airlock.operators.base import AirlockOperator
from airlock.operators.evaluation import EvaluateCandidateOperator
from airlock.operators.features import BuildFeaturesOperator
from airlock.operators.ingestion import IngestBatchOperator
from airlock.operators.monitoring import MonitorPartitionOperator
from airlock.operators.promotion import PromoteCandidateOperator
from airlock.operators.scoring import ScorePartitionOperator
from airlock.operators.training import TrainCandidateOperator
from include import partitions
from include.errors import GateRefused, GateUndecided, NothingToDo
from include.hashing import canonical_json
from include.ledger import Ledger
from include.settings import get_settings
from include.workspace import Workspace
from tests.include.simulation.conftest import FIRST, LAST

SHUT = (GateRefused, GateUndecided, NothingToDo)
# Drawn at random by MLflow, or a name of what was drawn: they differ between any two runs.
RANDOM = {
    "run_id",
    "evaluated_run_id",
    "model",
    "trained_sha256",
    "evaluation_id",
    "decision_id",
    "cause_id",
    "card",
}

# Where raw files and reports lie, and the ids of decisions in a ledger that began at another moment.
PLACES = {
    re.compile(r"[^\s\"]*/(_raw|_reports)/"): r"\1/",
    re.compile(r"decision [0-9a-f]{8}"): "decision",
}


def told(ledger: Ledger) -> list[tuple[str, ...]]:
    """Return every decision of the stages without what is random in it, in the order taken."""
    found = []
    for decision in reversed(ledger.find(use_case="trips")):
        if decision.gate == "alert":
            continue  # sent by callbacks of tasks, which no step has
        evidence = {name: value for name, value in decision.evidence.items() if name not in RANDOM}
        about = (decision.gate, decision.partition or "", decision.as_of, decision.verdict.value)
        refs = [ref for ref in decision.data_refs if not ref.startswith("decision/")]
        whole = (*about, *decision.reasons, *refs, canonical_json(_rounded(evidence)))
        found.append(tuple(_placeless(text) for text in whole))
    return found


def _placeless(text: str) -> str:
    for pattern, name in PLACES.items():
        text = pattern.sub(name, text)
    return text


def _rounded(value: object) -> object:
    # A model that was saved and loaded sums its trees in another order of the last bit.
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items() if name not in {"model_mb"}}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value


@pytest.fixture
def installed(trips_settings, tmp_path, monkeypatch):
    """Settings of an empty installation that tasks find in their environment."""
    settings = trips_settings.model_copy(update={"home": tmp_path / "home"})
    monkeypatch.setenv("AIRLOCK_HOME", str(settings.home))
    monkeypatch.setenv("AIRLOCK_USE_CASES_DIR", str(settings.use_cases_dir))
    monkeypatch.setenv("AIRLOCK_LANDING_URL", settings.landing)
    get_settings.cache_clear()
    yield settings
    get_settings.cache_clear()


def step(operator, key, run_type, conf=None, earlier=None, **named):
    """Do what a task does; each opens the stores itself, as it would in a process of its own."""
    workspace = Workspace()
    task: AirlockOperator = operator(task_id=operator.__name__, use_case="trips", **named)
    run = Made(partition_key=key, run_type=run_type, triggering_user_name=None)
    context = {"dag_run": run, "params": conf or {}, "ti": Made(xcom_pull=lambda task_ids: earlier)}
    return task.step(context, workspace.use_case("trips"), workspace)


def train(key, run_type, conf):
    try:
        run = step(TrainCandidateOperator, key, run_type, conf)
        run = step(EvaluateCandidateOperator, key, run_type, conf, run, trained_by="train")
        step(PromoteCandidateOperator, key, run_type, conf, run, evaluated_by="evaluate")
    except SHUT:
        pass


def live(first, last):
    """Do the tasks of one day after the other, and of each training; Airflow adds scheduling and retries."""
    for day in partitions.span(first, last):
        try:
            for operator in (IngestBatchOperator, BuildFeaturesOperator, ScorePartitionOperator):
                step(operator, day, "backfill")
            health = step(MonitorPartitionOperator, day, "backfill")
        except SHUT:
            health = {"train_as_of": None}
        if health["train_as_of"]:
            order = {"as_of": health["train_as_of"], "decision_id": health["retraining_id"]}
            train(None, "manual", order | {"reason": "monitoring"})
        next_day = partitions.shift(day, 1)
        if partitions.parse(next_day).weekday() == 0:
            train(next_day, "scheduled", {})


def test_a_stretch_of_days_gives_the_decisions_of_the_operators(replayed, installed):
    live(FIRST, LAST)
    by_operators, simulated = told(Workspace(installed).ledger), told(replayed.workspace.ledger)
    gates = {decision[0] for decision in by_operators}
    assert gates >= {"ingestion", "training", "evaluation", "promotion", "drift", "performance", "retraining"}
    assert "trigger_outcome" in gates
    assert {decision[3] for decision in by_operators if decision[0] == "retraining"} == {"pass", "refuse"}
    assert simulated == by_operators
    replayed.workspace.ledger.verify()
