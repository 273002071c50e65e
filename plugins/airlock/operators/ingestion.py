"""Ingestion: from a landed file to a published batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock.operators.base import AirlockOperator, actor_of, partition_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class IngestBatchOperator(AirlockOperator):
    """Take over, validate and publish the batch of the run's partition.

    Fails without a retry when the contract refuses the batch; its file stays in the raw store.
    """

    writes = ("batches", "side tables", "quarantine", "profiles", "snapshots")

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.ingestion.stage import ingest

        decision, ref = ingest(use_case, partition_of(context), actor=actor_of(context), workspace=workspace)
        return {"decision_id": decision.id, "verdict": decision.verdict.value, "batch": str(ref)}
