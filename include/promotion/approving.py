"""Approval of a candidate by a person: their answer is a decision in the ledger like any other."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.cards import write_card
from include.decisions import Decision, Ruling, Subject, Verdict, decide
from include.errors import ConfigurationError, GateRefused
from include.registry import CHALLENGER
from include.use_case import UseCase
from include.use_case_sections import Approval
from include.workspace import Workspace

GATE = "approval"
RULE = (
    "a person who may approve said yes in time, and did not start the training where four eyes are asked for"
)
Answer = Literal["approved", "rejected", "no answer"]


class ApprovalEvidence(BaseModel):
    """What a person was asked, and what they said.

    Attributes:
        approver: names that Airflow gives the person who answered: id and shown name; empty without one.
        triggered_by: user who started the training; empty where a schedule or the monitor did.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["approval"] = "approval"
    version: str
    run_id: str
    evaluation_id: str
    answer: Answer
    approver: list[str] = []
    comment: str = ""
    triggered_by: str = ""


def check(evidence: ApprovalEvidence, policy: Approval) -> Ruling:
    """Judge an answer."""

    def ruled(verdict: Verdict, reason: str) -> Ruling:
        said = f"{reason}: {evidence.comment}" if evidence.comment else reason
        return Ruling(verdict=verdict, reasons=[said], rule=RULE)

    about = f"version {evidence.version}"
    if evidence.answer == "no answer":
        return ruled(Verdict.REFUSE, f"nobody answered about {about} within {policy.timeout_hours:g} hours")
    who = evidence.approver[0] if evidence.approver else "somebody without a name"
    if evidence.answer == "rejected":
        return ruled(Verdict.REFUSE, f"{who} rejected {about}")
    if not set(evidence.approver) & set(policy.approvers):
        return ruled(
            Verdict.REFUSE, f"{who} approved {about}, but only {', '.join(policy.approvers)} may approve"
        )
    if policy.four_eyes and evidence.triggered_by in evidence.approver:
        return ruled(
            Verdict.REFUSE,
            f"{who} approved {about} and had started its training: four eyes are asked for, so another "
            "approver must answer",
        )
    return ruled(Verdict.PASS, f"{who} approved {about}")


def record_answer(
    use_case: UseCase, evidence: ApprovalEvidence, *, as_of: str, actor: str, workspace: Workspace
) -> Decision:
    """Record an answer and return its decision.

    Raises:
        ConfigurationError: the use case asks nobody.
        GateRefused: the answer is no, came too late, or from somebody who may not give it.
    """
    policy = use_case.promotion.approval
    if policy is None:
        raise ConfigurationError(
            f"{use_case.name} asks nobody for approval; declare promotion.approval, or leave the task out"
        )
    decision = workspace.ledger.append(
        decide(
            gate=GATE,
            subject=Subject(use_case=use_case.name, as_of=as_of, actor=actor),
            ruling=check(evidence, policy),
            evidence=evidence,
            policy=policy,
            data_refs=[f"models:/{use_case.name}/{evidence.version}"],
        )
    )
    _show(use_case, decision, workspace)
    if not decision.verdict.opens:
        raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    return decision


def _show(use_case: UseCase, decision: Decision, workspace: Workspace) -> None:
    """Bring the model card and the alias up to a decision: an approved candidate is a challenger."""
    version = decision.evidence["version"]
    write_card(use_case, version=version, run_id=decision.evidence["run_id"], workspace=workspace)
    if decision.verdict.opens:
        workspace.registry.set_alias(use_case.name, CHALLENGER, version)
