"""Features: from a published batch to features and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock.operators.base import AirlockOperator, actor_of, partition_of
from include import partitions
from include.errors import GateRefused, NothingToDo

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

        partition = partition_of(context)
        decision, ref = build(use_case, partition, actor=actor_of(context), workspace=workspace)
        references = {"decision_id": decision.id, "verdict": decision.verdict.value, "features": str(ref)}
        if use_case.features.online.enabled:
            from include.features.online import refresh

            references["online_as_of"] = refresh(use_case, partition, workspace=workspace)[0].as_of
        return references


class RebuildFeaturesOperator(AirlockOperator):
    """Build the features of a range of dates again, and tell those that follow which dates changed.

    One run serves the whole range. Each date that changed becomes a partition of the outlet's event, so that
    scoring and monitoring run for it as after a daily build.
    """

    stage = "rebuild_features"

    reads = ("batches", "side tables")
    writes = ("features", "labels", "feature_profiles")

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from dataclasses import asdict

        from include.features.rebuilding import rebuild, stale

        params = context["params"]
        days = partitions.asked_span(params["from"], params["to"])
        if not params["all"]:
            days = list(stale(use_case, days, workspace))
        rebuilt = rebuild(use_case, days, actor=actor_of(context), workspace=workspace)
        if not rebuilt.changed and not rebuilt.refused:
            raise NothingToDo(f"No features of {params['from']}..{params['to']} were to change")
        if rebuilt.changed:
            context["outlet_events"][self.outlets[0]].add_partitions(rebuilt.changed)
        return asdict(rebuilt)


class RefusedDatesOperator(AirlockOperator):
    """Fail when dates of a rebuild were refused, after the others were published.

    :param rebuilt_by: id of the task that built them.
    """

    stage = "refused_dates"

    def __init__(self, *, rebuilt_by: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rebuilt_by = rebuilt_by

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        refused = (context["ti"].xcom_pull(task_ids=self.rebuilt_by) or {}).get("refused", {})
        if refused:
            decision_id = next(iter(refused.values()))
            reasons = [f"{day}: decision {by}" for day, by in refused.items()]
            raise GateRefused(gate="features", decision_id=decision_id, reasons=reasons)
        return {}
