"""Promotion: from a candidate to the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock.operators.base import AirlockOperator, actor_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class PromoteCandidateOperator(AirlockOperator):
    """Make the candidate the champion, if it is not older than the one in use.

    :param evaluated_by: id of the task that evaluated it.
    """

    def __init__(self, *, evaluated_by: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.evaluated_by = evaluated_by

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.promotion.stage import promote

        candidate = context["ti"].xcom_pull(task_ids=self.evaluated_by)
        decision = promote(
            use_case,
            version=candidate["version"],
            run_id=candidate["run_id"],
            as_of=candidate["as_of"],
            evaluation_id=candidate["decision_id"],
            actor=actor_of(context),
            workspace=workspace,
        )
        return {"decision_id": decision.id, "version": candidate["version"], "as_of": candidate["as_of"]}
