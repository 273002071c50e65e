"""Scoring: from features to predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock.operators.base import AirlockOperator, partition_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class ScorePartitionOperator(AirlockOperator):
    """Score the run's partition with the champion of that data date; skipped while there is none."""

    stage = "score"

    reads = ("features", "model")
    writes = ("predictions",)

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.scoring.stage import score

        champion, ref = score(use_case, partition_of(context), workspace=workspace)
        return {
            "decision_id": champion.decision_id,
            "model_version": champion.version,
            "predictions": str(ref),
        }
