"""The verdict on a promotion."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.model_versions import LoggedModel
from include.use_case_sections import Promotion

RULE = (
    "the candidate passed its evaluation, its as-of is no earlier than the champion's, it was not rolled "
    "back, and a person approved it where one is to be asked"
)


class PromotionEvidence(BaseModel):
    """What a promotion rests on.

    Attributes:
        effective_from: first partition that the candidate would decide on: never one that was scored already.
        trained_sha256: hash of the files of the model that this run trained; empty in older decisions.
        evaluated_run_id: the run that the evaluation is about; empty when that decision is no evaluation.
        champion_as_of: None on a cold start.
        rolled_back_by: the rollback that took this run's model out of use; empty when there was none.
        approval_id: the decision of the person who was asked; empty when nobody was.
        approved_run_id: the run that the approval is about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["promotion"] = "promotion"
    version: str
    run_id: str
    model: LoggedModel
    feature_set_version: str
    as_of: str
    effective_from: str
    evaluation_id: str
    evaluation_verdict: Verdict
    trained_sha256: str = ""
    evaluated_run_id: str
    evaluated_as_of: str
    champion_version: str | None
    champion_as_of: str | None
    rolled_back_by: str = ""
    approval_id: str = ""
    approval_verdict: Verdict | None = None
    approved_run_id: str = ""


def check(evidence: PromotionEvidence, policy: Promotion) -> Ruling:
    """Judge a promotion."""
    refused: list[str] = []
    if not evidence.evaluation_verdict.opens:
        refused.append(
            f"version {evidence.version} did not pass its evaluation: {evidence.evaluation_verdict.value}"
        )
    if evidence.trained_sha256 and evidence.trained_sha256 != evidence.model.sha256:
        refused.append(
            f"version {evidence.version} is not the model that run {evidence.run_id} trained and that was "
            "evaluated"
        )
    if (evidence.evaluated_run_id, evidence.evaluated_as_of) != (evidence.run_id, evidence.as_of):
        refused.append(
            f"decision {evidence.evaluation_id} is not the evaluation of run {evidence.run_id} as of "
            f"{evidence.as_of}"
        )
    if evidence.champion_as_of is not None and evidence.as_of < evidence.champion_as_of:
        refused.append(
            f"version {evidence.version} knows data up to {evidence.as_of}, the champion, version "
            f"{evidence.champion_version}, up to {evidence.champion_as_of}: an older model never replaces a "
            "newer one"
        )
    if evidence.rolled_back_by:
        refused.append(
            f"version {evidence.version} was rolled back by decision {evidence.rolled_back_by}; train anew, "
            "or bring it back with: ./airlock rollback --to"
        )
    if policy.approval is not None and (unapproved := _unapproved(evidence)):
        refused.append(unapproved)
    if refused:
        return Ruling(verdict=Verdict.REFUSE, reasons=refused, rule=RULE)
    replaced = (
        f"in place of version {evidence.champion_version}"
        if evidence.champion_version
        else "as the first one"
    )
    reason = f"version {evidence.version} is the champion from {evidence.effective_from} on, {replaced}"
    return Ruling(verdict=Verdict.PASS, reasons=[reason], rule=RULE)


def _unapproved(evidence: PromotionEvidence) -> str | None:
    if evidence.approval_verdict is None:
        return f"nobody has approved version {evidence.version}, and promotion.approval asks for a person"
    if not evidence.approval_verdict.opens:
        return f"decision {evidence.approval_id} did not approve version {evidence.version}"
    if evidence.approved_run_id != evidence.run_id:
        return (
            f"decision {evidence.approval_id} approves run {evidence.approved_run_id}, not {evidence.run_id}"
        )
    return None
