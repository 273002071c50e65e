"""A run that has not ended in the time that its use case allows it.

Like the watch, this is about the running system and not about data: the deadline is measured by Airflow's
clock, and a replay of history has none.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.decisions import Decision, Ruling, Subject, Verdict, decide
from include.use_case import UseCase
from include.use_case_sections import Deadlines
from include.workspace import Workspace

GATE = "deadline"
RULE = "a run ends within the minutes that alerts.deadlines allows its stage, by Airflow's clock"


class DeadlineEvidence(BaseModel):
    """Which run is late.

    Attributes:
        stage: `ingest` or `train`.
        run_id: of Airflow.
        queued_at: when the run was asked for, ISO 8601.
        due_at: when it should have ended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["deadline"] = "deadline"
    stage: Literal["ingest", "train"]
    run_id: str
    queued_at: str
    due_at: str


def check(evidence: DeadlineEvidence, policy: Deadlines) -> Ruling:
    """Say that a run is late; it is asked about late runs only."""
    late = {"ingest": "the batch is late", "train": "the next champion is late"}[evidence.stage]
    reason = (
        f"{late}: run {evidence.run_id} was asked for at {evidence.queued_at} and had not ended by "
        f"{evidence.due_at}"
    )
    return Ruling(verdict=Verdict.REFUSE, reasons=[reason], rule=RULE)


def record_late_run(
    use_case: UseCase, evidence: DeadlineEvidence, *, partition: str, actor: str, workspace: Workspace
) -> Decision:
    """Record that a run is late.

    Args:
        use_case: whose run.
        evidence: which run.
        partition: data date that the run is about; of a training, its as-of.
        actor: the kind of the run.
        workspace: where the ledger is.
    """
    policy = use_case.alerts.deadlines
    as_of = partitions.key_of(partitions.available_at(partition))
    return workspace.ledger.append(
        decide(
            gate=GATE,
            subject=Subject(use_case=use_case.name, partition=partition, as_of=as_of, actor=actor),
            ruling=check(evidence, policy),
            evidence=evidence,
            policy=policy,
            data_refs=[],
        )
    )
