"""Features: from a published batch to features and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock.operators.base import AirlockOperator, actor_of, partition_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class BuildFeaturesOperator(AirlockOperator):
    """Build, check and publish the features and labels of the run's partition."""

    stage = "features"

    reads = ("batches", "side tables")
    writes = ("features", "labels", "feature_profiles")

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.features.stage import build

        decision, ref = build(use_case, partition_of(context), actor=actor_of(context), workspace=workspace)
        return {"decision_id": decision.id, "verdict": decision.verdict.value, "features": str(ref)}
