"""Evaluation: from a run to a registered candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock.operators.base import AirlockOperator, actor_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class EvaluateCandidateOperator(AirlockOperator):
    """Load the trained models back and judge the candidate on days that it never saw.

    Fails without a retry when a rule refuses it; skipped when the holdout is too small to say.

    :param trained_by: id of the task that trained it.
    """

    stage = "evaluate"

    reads = ("features", "labels", "model")
    writes = ("model",)

    def __init__(self, *, trained_by: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trained_by = trained_by

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.evaluation.stage import evaluate

        trained = context["ti"].xcom_pull(task_ids=self.trained_by)
        candidate = evaluate(
            use_case, trained["run_id"], trained["as_of"], actor=actor_of(context), workspace=workspace
        )
        return candidate.model_dump()
