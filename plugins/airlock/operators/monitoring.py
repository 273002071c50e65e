"""Monitoring: from predictions to verdicts, to the training that they order and to the page on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import DagRunTriggerException, DownstreamTasksSkipped

from airlock.links import DecisionLink, ReportLink
from airlock.operators.base import AirlockOperator, actor_of, partition_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class MonitorPartitionOperator(AirlockOperator):
    """Judge drift and performance of the run's partition and decide whether to retrain.

    The tasks after this one are skipped without being started when no training is ordered.
    """

    stage = "monitor"

    operator_extra_links = (DecisionLink(), ReportLink())

    reads = ("feature_profiles", "predictions", "labels")
    writes = ("metrics",)

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.monitoring.hindsight import score_past_decisions
        from include.monitoring.stage import monitor

        partition, actor = partition_of(context), actor_of(context)
        health = monitor(use_case, partition, actor=actor, workspace=workspace)
        score_past_decisions(use_case, partition, actor=actor, workspace=workspace)
        return {"decision_id": health.retraining_id, **health.model_dump(exclude={"metrics"})}

    def execute(self, context: Context) -> dict[str, Any]:
        references = super().execute(context)
        if references["train_as_of"] is None and self.downstream_task_ids:
            context["ti"].xcom_push(key="return_value", value=references)
            raise DownstreamTasksSkipped(tasks=sorted(self.downstream_task_ids))  # type: ignore[no-untyped-call]
        return references


class PublishReportOperator(AirlockOperator):
    """Draw the page of the run's partition from the verdicts that monitoring recorded on it."""

    stage = "report"

    operator_extra_links = (ReportLink(),)

    reads = ("feature_profiles", "predictions", "features")

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.monitoring.reporting import publish_report

        return {"report": publish_report(use_case, partition_of(context), workspace=workspace)}


class OrderTrainingOperator(BaseOperator):
    """Start the training that monitoring ordered, with its reason.

    The run is named after the decision, so repeating the task orders nothing twice.

    :param train_dag_id: DAG that trains.
    :param monitored_by: id of the task that decided.
    """

    ui_color = "#f7ede8"

    def __init__(self, *, train_dag_id: str, monitored_by: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.train_dag_id = train_dag_id
        self.monitored_by = monitored_by

    def execute(self, context: Context) -> None:
        health = context["ti"].xcom_pull(task_ids=self.monitored_by)
        decision_id = health["retraining_id"]
        raise DagRunTriggerException(
            trigger_dag_id=self.train_dag_id,
            dag_run_id=f"monitor__{health['train_as_of']}__{decision_id[:12]}",
            conf={"as_of": health["train_as_of"], "reason": "monitoring", "decision_id": decision_id},
            reset_dag_run=False,
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=["success"],
            failed_states=["failed"],
            poke_interval=60,
            deferrable=False,
        )
