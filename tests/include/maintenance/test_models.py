"""Runs of MLflow are cleaned away only where nothing refers to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from include.champions import newest_champion
from include.maintenance.models import discard_unnamed_runs
from include.use_case import UseCase
from include.workspace import Workspace

LATER = datetime.now(UTC) + timedelta(days=60)


def test_only_runs_that_nothing_refers_to_are_discarded(championed: Workspace, flights: UseCase) -> None:
    registry = championed.registry
    experiment = registry.experiment_id("flights")
    before = set(registry.runs_before("flights", LATER))
    cut_short = registry.client.create_run(experiment).info.run_id
    asked = {"use_case": flights, "retention_days": 30, "workspace": championed}
    assert discard_unnamed_runs(**asked, now=datetime.now(UTC)) == [], "it may still be under way"
    assert discard_unnamed_runs(**asked, now=LATER) == [cut_short]
    assert set(registry.runs_before("flights", LATER)) == before
    assert discard_unnamed_runs(**asked, now=LATER) == []
    champion = newest_champion(championed.ledger, "flights")
    assert champion is not None
    registry.load(champion.model)


def test_a_run_that_only_the_registry_knows_stays(championed: Workspace, flights: UseCase) -> None:
    registry = championed.registry
    champion = newest_champion(championed.ledger, "flights")
    assert champion is not None
    by_hand = registry.client.create_run(registry.experiment_id("flights")).info.run_id
    registry.register("flights", model=champion.model, run_id=by_hand, tags={})
    found = discard_unnamed_runs(flights, retention_days=30, now=LATER, workspace=championed)
    assert by_hand not in found
