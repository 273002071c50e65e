"""Which model is in use, now and at any earlier data date: the ledger knows, not the clock and not MLflow."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from include.decisions import Decision
from include.ledger import Ledger
from include.model_versions import LoggedModel

GATE = "promotion"
ROLLBACK = "rollback"
# The gates whose opening puts a model in use.
REIGN_GATES = (GATE, ROLLBACK)


class Champion(BaseModel):
    """A model version in use.

    Attributes:
        as_of: data time up to which it was allowed to learn.
        effective_from: first partition that it decides on.
        decision_id: the promotion or rollback that put it in use.
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
    """Return the champion that was put in use last, or None on a cold start.

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
    """Return all champions, the one put in use last first; one that was rolled back to stands twice."""
    return [_champion(decision) for decision in reigns(ledger, use_case)]


def reigns(ledger: Ledger, use_case: str) -> list[Decision]:
    """Return the decisions that put a model in use, newest first: promotions and rollbacks."""
    found = ledger.find(use_case=use_case, gate=REIGN_GATES)
    return [decision for decision in found if decision.verdict.opens]


def withdrawn(ledger: Ledger, use_case: str) -> dict[str, Decision]:
    """Return the rollbacks by the run whose model they took out of use, as far as it is still out of use."""
    taken: dict[str, Decision] = {}
    for decision in reversed(reigns(ledger, use_case)):
        taken.pop(decision.evidence["run_id"], None)
        if decision.gate == ROLLBACK:
            taken[decision.evidence["withdrawn_run_id"]] = decision
    return taken


def _champion(decision: Decision) -> Champion:
    evidence = decision.evidence
    return Champion(
        version=evidence["version"],
        run_id=evidence["run_id"],
        as_of=evidence["as_of"],
        effective_from=evidence["effective_from"],
        model=LoggedModel.model_validate(evidence["model"]),
        decision_id=decision.id,
        evaluation_id=evidence["evaluation_id"],
        feature_set_version=evidence["feature_set_version"],
    )
