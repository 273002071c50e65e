"""Promotion: from a candidate to the champion, with a person's approval where it is asked for, and back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param

from airlock.links import DecisionLink
from airlock.observing import observed
from airlock.operators.base import AirlockOperator, actor_of

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context

    from include.use_case import UseCase
    from include.workspace import Workspace


class ApproveCandidateOperator(ApprovalOperator):
    """Ask a person whether the candidate may become the champion, and record the answer as a decision.

    The task waits without holding a slot. It is answered under *Required actions* in the UI, or by
    `PATCH /api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails`. Everything but a
    timely yes of somebody who may give it fails the task, and nothing is promoted.

    :param use_case: name of the use case.
    :param evaluated_by: id of the task that evaluated the candidate.
    :param approvers: Airflow user ids that may answer.
    :param timeout_hours: without an answer by then it is refused.
    """

    operator_extra_links: tuple[BaseOperatorLink, ...] = (DecisionLink(),)
    ui_color = "#e8eef7"

    def __init__(
        self, *, use_case: str, evaluated_by: str, approvers: list[str], timeout_hours: float, **kwargs: Any
    ) -> None:
        comment = Param("", type="string", maxLength=500, description="why, for the record", source="task")
        # Airflow hands over the DAG's own params as well; it shows the task's only.
        params = {**(kwargs.pop("params", None) or {}), "comment": comment}
        pulled = f"ti.xcom_pull(task_ids='{evaluated_by}')"
        super().__init__(
            subject=f"May version {{{{ {pulled}['version'] }}}} of {use_case} become the champion?",
            body=(
                f"It learned from data up to {{{{ {pulled}['as_of'] }}}} and passed its evaluation, decision "
                f"`{{{{ {pulled}['decision_id'] }}}}`. Its model card is an artefact of run "
                f"`{{{{ {pulled}['run_id'] }}}}` in MLflow."
            ),
            params=params,
            assigned_users=[{"id": name, "name": name} for name in approvers],
            response_timeout=timedelta(hours=timeout_hours),
            **kwargs,
        )
        self.use_case = use_case
        self.evaluated_by = evaluated_by
        self.approvers = approvers
        self.timeout_hours = timeout_hours
        self.references: dict[str, Any] = {}

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        from include.errors import GateRefused
        from include.promotion.approving import ApprovalEvidence, record_answer
        from include.workspace import Workspace

        candidate, workspace = context["ti"].xcom_pull(task_ids=self.evaluated_by), Workspace()
        answer = self._answer(event)
        user = event.get("responded_by_user") or {}
        evidence = ApprovalEvidence(
            version=candidate["version"],
            run_id=candidate["run_id"],
            evaluation_id=candidate["decision_id"],
            answer=answer,
            approver=list(dict.fromkeys(name for name in (user.get("name"), user.get("id")) if name)),
            comment=str((event.get("params_input") or {}).get("comment") or ""),
            triggered_by=context["dag_run"].triggering_user_name or "",
        )
        actor = evidence.approver[0] if evidence.approver else "airflow"
        try:
            with observed("approve", self.use_case, None, workspace):
                decision = record_answer(
                    workspace.use_case(self.use_case),
                    evidence,
                    as_of=candidate["as_of"],
                    actor=actor,
                    workspace=workspace,
                )
        except GateRefused as refusal:
            self.references = {"decision_id": refusal.decision_id}
            raise
        self.references = {"decision_id": decision.id}
        return self.references

    def _answer(self, event: dict[str, Any]) -> Any:
        """Return what was answered; an error other than silence is Airflow's own, and is raised."""
        if "error" in event:
            if event["error_type"] != "timeout":
                self.process_trigger_event_error(event)
            return "no answer"
        return "approved" if event["chosen_options"] == [self.APPROVE] else "rejected"


class PromoteCandidateOperator(AirlockOperator):
    """Make the candidate the champion, if it is not older than the one in use.

    :param evaluated_by: id of the task that evaluated it.
    :param approved_by: id of the task that asked a person; none where nobody is asked.
    """

    stage = "promote"

    reads = ("model",)
    writes = ("model",)

    def __init__(self, *, evaluated_by: str, approved_by: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.evaluated_by = evaluated_by
        self.approved_by = approved_by

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.promotion.stage import promote

        candidate = context["ti"].xcom_pull(task_ids=self.evaluated_by)
        approval = context["ti"].xcom_pull(task_ids=self.approved_by) if self.approved_by else None
        decision = promote(
            use_case,
            version=candidate["version"],
            run_id=candidate["run_id"],
            as_of=candidate["as_of"],
            evaluation_id=candidate["decision_id"],
            approval_id=approval["decision_id"] if approval else "",
            actor=actor_of(context),
            workspace=workspace,
        )
        return {"decision_id": decision.id, "version": candidate["version"], "as_of": candidate["as_of"]}


class RollBackChampionOperator(AirlockOperator):
    """Put an earlier champion in use again, by the params `to` and `reason` of the run."""

    stage = "rollback"

    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        from include.promotion.rollback import roll_back

        decision = roll_back(
            use_case,
            to=context["params"].get("to"),
            reason=context["params"]["reason"],
            actor=actor_of(context),
            request=context["dag_run"].run_id,
            workspace=workspace,
        )
        return {"decision_id": decision.id, "version": decision.evidence["version"]}
