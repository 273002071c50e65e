"""Features: from a published batch to features and labels."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airlock.operators.base import AirlockOperator, actor_of, partition_of
from include import partitions
from include.errors import Awaited, GateRefused, NothingToDo

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace

_LOOK_AGAIN_SECONDS = 300


class BuildFeaturesOperator(AirlockOperator):
    """Build, check and publish the features and labels of the run's partition.

    Where features wait for a side table that is not there yet, the task looks again every five minutes,
    without holding a slot. When the patience of `features.wait_minutes` ends, the partition is refused.
    """

    stage = "features"

    reads = ("batches", "side tables")
    writes = ("features", "labels", "feature_profiles", "feature_aggregates")
    # Seconds since 1970 at which waiting ends; None until it has begun.
    deadline: float | None = None

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        from include.features.stage import build

        partition, actor, now = partition_of(context), actor_of(context), time.time()
        deadline = now + 60 * use_case.features.wait_minutes if self.deadline is None else self.deadline
        try:
            decision, ref = build(
                use_case, partition, actor=actor, workspace=workspace, patient=now < deadline
            )
        except Awaited as reason:
            self.log.info("Waiting: %s", reason)
            moment = datetime.fromtimestamp(min(now + _LOOK_AGAIN_SECONDS, deadline), UTC)
            self.defer(
                trigger=DateTimeTrigger(moment=moment), method_name="resume", kwargs={"deadline": deadline}
            )
        references = {"decision_id": decision.id, "verdict": decision.verdict.value, "features": str(ref)}
        if use_case.features.online.enabled:
            from include.features.online import refresh

            references["online_as_of"] = refresh(use_case, partition, workspace=workspace)[0].as_of
        return references

    def resume(self, context: Context, event: Any, deadline: float) -> dict[str, Any]:
        """Look again after the trigger's event."""
        self.deadline = deadline
        return self.execute(context)


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
