"""Deadlines of Airflow for runs that people wait for: the ingestion of a day, the training of a champion."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from include.errors import Outage

if TYPE_CHECKING:
    from include.use_case import UseCase

BACKFILL = "backfill"


def deadline(use_case: UseCase, stage: str) -> dict[str, Any]:
    """Return the argument that gives a DAG its deadline; none where the use case declares none."""
    minutes = getattr(use_case.alerts.deadlines, f"{stage}_minutes")
    if minutes is None:
        return {}
    alert = DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=minutes),
        # In an executor's process: the triggerer, where the others run, is not there in every installation.
        callback=SyncCallback(late_run, kwargs={"use_case": use_case.name, "stage": stage}),
        name=f"{use_case.name}.{stage}",
    )
    return {"deadline": alert}


def late_run(use_case: str, stage: str, context: dict[str, Any]) -> None:
    """Record that a run is late and tell people of it. A backfill may take its time, and is told of nowhere.

    Airflow calls this once for each run that has passed its deadline, with a short form of the context.
    """
    from airlock.notifiers import channels
    from include.alerts.deliveries import Deliveries
    from include.alerts.stage import deliver, judge_alerts
    from include.maintenance.deadline import GATE, DeadlineEvidence, record_late_run
    from include.workspace import Workspace

    run = context["dag_run"]
    if run["run_type"] == BACKFILL:
        return
    workspace = Workspace()
    declared = workspace.use_case(use_case)
    evidence = DeadlineEvidence(
        stage=stage,
        run_id=run["dag_run_id"],
        queued_at=str(run["queued_at"]),
        due_at=str(context["deadline"]["deadline_time"]),
    )
    partition = run["partition_key"] or (run["conf"] or {}).get("as_of")
    if partition is None:
        return
    decision = record_late_run(
        declared, evidence, partition=partition, actor=run["run_type"], workspace=workspace
    )
    judge_alerts(declared, decision.partition, gates=(GATE,), actor=run["run_type"], workspace=workspace)
    try:
        deliver(
            declared,
            channels=channels(workspace.settings),
            deliveries=Deliveries(workspace.settings.ledger),
            workspace=workspace,
        )
    except Outage:
        # The next run's notifier and the nightly maintenance send what is left.
        return
