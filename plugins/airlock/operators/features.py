"""Features: from a published batch to features and labels."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airlock.operators.base import AirlockOperator, actor_of, partition_of
from include.errors import Awaited

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
        return {"decision_id": decision.id, "verdict": decision.verdict.value, "features": str(ref)}

    def resume(self, context: Context, event: Any, deadline: float) -> dict[str, Any]:
        """Look again after the trigger's event."""
        self.deadline = deadline
        return self.execute(context)
