"""Maintenance: proof that the records hold, and tidy tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airlock.metrics import emit_ledger, listening
from airlock.operators.base import AirlockOperator, actor_of
from include.errors import NothingToDo

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class VerifyLedgerOperator(BaseOperator):
    """Walk the ledger's hash chain and return its head; fails when a decision was changed."""

    def execute(self, context: Context) -> dict[str, Any]:
        from include.workspace import Workspace

        decisions, head = Workspace().ledger.verify()
        if listening():
            emit_ledger(decisions)
        return {"decisions": decisions, "head": head}


class ReconcileAliasOperator(AirlockOperator):
    """Compare MLflow's champion alias with the ledger; fails when somebody moved it past the gates."""

    stage = "reconcile"

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.maintenance.stage import reconcile_alias

        decision = reconcile_alias(use_case, actor=actor_of(context), workspace=workspace)
        return {"decision_id": decision.id}


class WatchUseCaseOperator(AirlockOperator):
    """Fail when batches, labels, predictions or monitoring stay away for longer than its schedule allows."""

    stage = "watch"

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from datetime import UTC, datetime

        from include.maintenance.watch import watch

        decision = watch(use_case, now=datetime.now(UTC), actor=actor_of(context), workspace=workspace)
        return {"decision_id": decision.id}


class EnforceRetentionOperator(AirlockOperator):
    """Remove what is older than the use case keeps, and write into the ledger what was removed."""

    stage = "retain"

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.maintenance.feature_sets import remove_unused_feature_sets
        from include.maintenance.retention import enforce_retention

        actor = actor_of(context)
        decisions = [
            decision
            for enforce in (enforce_retention, remove_unused_feature_sets)
            if (decision := enforce(use_case, actor=actor, workspace=workspace)) is not None
        ]
        if not decisions:
            raise NothingToDo(f"Nothing of {use_case.name} is older than its retention allows")
        return {
            "decision_id": decisions[0].id,
            "decisions": [decision.id for decision in decisions],
            "removed": [reason for decision in decisions for reason in decision.reasons],
        }


class MaintainTablesOperator(AirlockOperator):
    """Merge small files and remove those that no version within the retention names.

    :param retention_days: versions younger than this stay readable.
    """

    stage = "tidy"

    def __init__(self, *, retention_days: int = 90, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retention_days = retention_days

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.maintenance.stage import maintain_tables

        return {"removed": maintain_tables(use_case, retention_days=self.retention_days, workspace=workspace)}


class DiscardRunsOperator(AirlockOperator):
    """Mark runs of MLflow as deleted that no decision names and whose model was never registered.

    :param retention_days: younger runs may still be under way.
    """

    stage = "discard_runs"

    def __init__(self, *, retention_days: int = 30, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retention_days = retention_days

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from datetime import UTC, datetime

        from include.maintenance.models import discard_unnamed_runs

        discarded = discard_unnamed_runs(
            use_case, retention_days=self.retention_days, now=datetime.now(UTC), workspace=workspace
        )
        return {"discarded": discarded}
