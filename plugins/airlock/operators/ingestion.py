"""Ingestion: from a landed file to a published batch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airlock.connections import connection_url
from airlock.operators.base import AirlockOperator, actor_of, partition_of
from include import partitions
from include.errors import AirlockError, ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class IngestBatchOperator(AirlockOperator):
    """Take over, validate and publish the batch of the run's partition.

    Fails without a retry when the contract refuses the batch; its file stays in the raw store.
    """

    stage = "ingest"

    writes = ("batches", "side tables", "quarantine", "profiles", "snapshots")

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.ingestion.stage import ingest

        workspace.connections = connection_url
        decision, ref = ingest(use_case, partition_of(context), actor=actor_of(context), workspace=workspace)
        return {"decision_id": decision.id, "verdict": decision.verdict.value, "batch": str(ref)}

    def emit_metrics(self, workspace: Workspace) -> None:
        from airlock.metrics import emit_intake, listening
        from include.intake import intake_of

        if not listening():
            return
        try:
            days = intake_of(workspace.use_case(self.use_case), workspace, partition=self.partition)
        except AirlockError:
            # The batch was decided on and published; a figure that is missing must not undo that.
            self.log.warning("The figures of intake could not be read", exc_info=True)
            return
        for day in days:
            emit_intake(day)


class SettleQuarantineOperator(AirlockOperator):
    """Let rows in that were set aside, or give them up, as the params of the run say."""

    stage = "quarantine"

    reads = ("quarantine",)
    writes = ("batches", "side tables", "quarantine")

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.ingestion.release import Choice, discard, release

        asked, actor = context["params"], actor_of(context)
        rows, rules, reason = asked["rows"], asked["rules"], asked["reason"]
        self.partition = partitions.key_of(partitions.parse(asked["partition"]))
        choice = Choice(
            partition=self.partition,
            table=asked["table"],
            rows=tuple(rows) if rows is not None else None,
            rules=tuple(rules) if rules is not None else None,
        )
        if asked["action"] == "release":
            decision, _ = release(use_case, choice, exception=reason, actor=actor, workspace=workspace)
        elif reason.strip():
            decision = discard(use_case, choice, reason=reason, actor=actor, workspace=workspace)
        else:
            raise ConfigurationError("Rows are given up for a reason; say it in the param `reason`")
        return {"decision_id": decision.id, "verdict": decision.verdict.value}


class WaitForFilesOperator(AirlockOperator):
    """Wait until the files of the run's partition are there and finished, without holding a task slot.

    When the patience of `source.wait` ends, the task succeeds all the same: ingestion then refuses the batch
    and records why, which a task that failed here could not.
    """

    stage = "wait_for_files"

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from airlock.triggers.landing import LandedFilesTrigger
        from include.ingestion.sources.waiting import look
        from include.use_case_sections import Wait

        partition, patience = partition_of(context), use_case.source.wait or Wait()
        if not look(use_case, partition, workspace).settled_since(None):
            trigger = LandedFilesTrigger(
                use_case=use_case.name,
                partition=partition,
                settle_seconds=patience.settle_seconds,
                deadline=time.time() + 60 * patience.timeout_minutes,
            )
            self.defer(trigger=trigger, method_name="resume")
        return {"finished": True, "missing": []}

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the trigger's event."""
        if not event["finished"]:
            self.log.warning("The patience has ended: %s", "; ".join(event["missing"]))
        return event
