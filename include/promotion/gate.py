"""The verdict on a promotion."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.registry import LoggedModel

RULE = "the candidate passed its evaluation, and its as-of is no earlier than the champion's"


class PromotionEvidence(BaseModel):
    """What a promotion rests on.

    Attributes:
        effective_from: first partition that the candidate would decide on: never one that was scored already.
        evaluated_run_id: the run that the evaluation is about; empty when that decision is no evaluation.
        champion_as_of: None on a cold start.
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
    evaluated_run_id: str
    evaluated_as_of: str
    champion_version: str | None
    champion_as_of: str | None


def check(evidence: PromotionEvidence) -> Ruling:
    """Judge a promotion."""
    refused: list[str] = []
    if not evidence.evaluation_verdict.opens:
        refused.append(
            f"version {evidence.version} did not pass its evaluation: {evidence.evaluation_verdict.value}"
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
    if refused:
        return Ruling(verdict=Verdict.REFUSE, reasons=refused, rule=RULE)
    replaced = (
        f"in place of version {evidence.champion_version}"
        if evidence.champion_version
        else "as the first one"
    )
    reason = f"version {evidence.version} is the champion from {evidence.effective_from} on, {replaced}"
    return Ruling(verdict=Verdict.PASS, reasons=[reason], rule=RULE)
