"""Which model is in use, now and at any earlier data date: the ledger knows, not the clock and not MLflow."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from include.decisions import Decision
from include.ledger import Ledger
from include.registry import LoggedModel

GATE = "promotion"


class Champion(BaseModel):
    """A model version in use.

    Attributes:
        as_of: data time up to which it was allowed to learn.
        effective_from: first partition that it decides on.
        decision_id: the promotion that put it in use.
        evaluation_id: the evaluation that it passed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    run_id: str
    as_of: str
    effective_from: str
    model: LoggedModel
    decision_id: str
    evaluation_id: str
    feature_set_version: str


def newest_champion(ledger: Ledger, use_case: str, *, other_than: str | None = None) -> Champion | None:
    """Return the champion that was promoted last, or None on a cold start.

    The run `other_than` does not count, so that a candidate evaluated again is not compared with itself.
    """
    return next((found for found in champions_of(ledger, use_case) if found.run_id != other_than), None)


def champion_at(ledger: Ledger, use_case: str, partition: str) -> Champion | None:
    """Return the champion that decides on a partition: the newest that was effective by then.

    Scoring, monitoring and late backfills all ask here, so the live answer and the replayed answer agree.
    """
    return next(
        (found for found in champions_of(ledger, use_case) if found.effective_from <= partition), None
    )


def champions_of(ledger: Ledger, use_case: str) -> list[Champion]:
    """Return all champions, the one that was promoted last first."""
    promoted = ledger.find(use_case=use_case, gate=GATE)
    return [_champion(decision) for decision in promoted if decision.verdict.opens]


def _champion(decision: Decision) -> Champion:
    evidence = decision.evidence
    return Champion(
        version=evidence["version"],
        run_id=evidence["run_id"],
        as_of=decision.as_of,
        effective_from=evidence["effective_from"],
        model=LoggedModel.model_validate(evidence["model"]),
        decision_id=decision.id,
        evaluation_id=evidence["evaluation_id"],
        feature_set_version=evidence["feature_set_version"],
    )
