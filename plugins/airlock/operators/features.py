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

    reads = ("batches", "side tables")
    writes = ("features", "labels", "feature_profiles")

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.features.stage import build

        partition = partition_of(context)
        decision, ref = build(use_case, partition, actor=actor_of(context), workspace=workspace)
        references = {"decision_id": decision.id, "verdict": decision.verdict.value, "features": str(ref)}
        if use_case.features.online.enabled:
            from include.features.online import refresh

            references["online_as_of"] = refresh(use_case, partition, workspace=workspace)[0].as_of
        return references
