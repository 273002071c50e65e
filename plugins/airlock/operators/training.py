"""Training: from labelled rows to a run in MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock.operators.base import AirlockOperator, actor_of, run_type_of
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class TrainCandidateOperator(AirlockOperator):
    """Train a candidate on what was knowable at the as-of.

    The as-of is the param `as_of`; without one it is the partition of the scheduled run. Whether it starts is
    a decision: a scheduled one is skipped where the use case trains when needed and nothing asks for it.
    """

    stage = "train"

    reads = ("features", "labels")
    writes = ("model",)

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include import partitions
        from include.monitoring.ordering import admit_training, ordered_by
        from include.training.stage import train

        as_of = context["params"].get("as_of") or context["dag_run"].partition_key
        if not as_of:
            raise ConfigurationError('This run has no as-of. Start it with conf {"as_of": "2013-02-11"}')
        partitions.parse(as_of)
        reason, actor = context["params"].get("reason") or "schedule", actor_of(context)
        if order := context["params"].get("decision_id"):
            ordered_by(order, use_case, as_of, workspace.ledger)
        else:
            admit_training(
                use_case,
                as_of,
                asked_by="schedule" if run_type_of(context) == "scheduled" else "person",
                request=reason,
                actor=actor,
                workspace=workspace,
            )
        run = train(use_case, as_of, reason=reason, actor=actor, workspace=workspace)
        return run.model_dump()
