"""Training: from labelled rows to a run in MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock.operators.base import AirlockOperator, actor_of
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class TrainCandidateOperator(AirlockOperator):
    """Train a candidate on what was knowable at the as-of.

    The as-of is the param `as_of`; without one it is the partition of the scheduled run.
    """

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include import partitions
        from include.training.stage import train

        as_of = context["params"].get("as_of") or context["dag_run"].partition_key
        if not as_of:
            raise ConfigurationError('This run has no as-of. Start it with conf {"as_of": "2013-02-11"}')
        partitions.parse(as_of)
        run = train(
            use_case,
            as_of,
            reason=context["params"].get("reason") or "schedule",
            actor=actor_of(context),
            workspace=workspace,
        )
        return run.model_dump()
