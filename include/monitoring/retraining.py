"""Whether monitoring orders a training. It never deploys anything: the candidate goes through every gate."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.use_case_sections import Retraining

GATE = "retraining"
RULE = "marked in k of the last n partitions and in the newest; cool-down and budget in data time"


class RetrainingEvidence(BaseModel):
    """What the order rests on.

    Attributes:
        marked: those of them whose drift or performance was marked, with the gates that marked them.
        considered: the last n monitored partitions, this one included.
        champion_as_of: as-of of the newest champion, whichever model scored this partition.
        orders: as-ofs of the trainings that monitoring ordered in the 30 data days before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["retraining"] = "retraining"
    partition: str
    as_of: str
    considered: list[str]
    marked: dict[str, list[str]]
    champion_as_of: str
    orders: list[str]


def check(evidence: RetrainingEvidence, policy: Retraining) -> Ruling:
    """Order a training (`pass`), or say why not (`refuse`)."""
    refusal = _historical(evidence) or _no_ground(evidence, policy) or _suppressed(evidence, policy)
    if refusal:
        return Ruling(verdict=Verdict.REFUSE, reasons=[refusal], rule=RULE)
    marks = "; ".join(f"{day}: {' and '.join(gates)}" for day, gates in sorted(evidence.marked.items()))
    share = f"{len(evidence.marked)} of {len(evidence.considered)}"
    reason = f"train as of {evidence.as_of}: {share} days marked ({marks})"
    return Ruling(verdict=Verdict.PASS, reasons=[reason], rule=RULE)


def _historical(evidence: RetrainingEvidence) -> str | None:
    if evidence.partition < evidence.champion_as_of:
        known = f"the champion already knows the data up to {evidence.champion_as_of}"
        return f"{evidence.partition} is historical: {known}"
    return None


def _no_ground(evidence: RetrainingEvidence, policy: Retraining) -> str | None:
    if evidence.partition not in evidence.marked:
        return f"{evidence.partition} itself is not marked"
    if len(evidence.marked) < policy.violations:
        marked = f"{len(evidence.marked)} of the last {len(evidence.considered)} partitions"
        return f"{marked} are marked, needed {policy.violations} of {policy.of_last}"
    return None


def _suppressed(evidence: RetrainingEvidence, policy: Retraining) -> str | None:
    cool_down, budget = policy.cool_down_days, policy.max_orders_per_30_days
    age = _days(evidence.champion_as_of, evidence.as_of)
    if age < cool_down:
        return f"the champion is {age} days old, within the cool-down of {cool_down}"
    recent = [order for order in evidence.orders if order <= evidence.as_of]
    if recent and (ago := _days(max(recent), evidence.as_of)) < cool_down:
        return f"a training was ordered {ago} days before, within the cool-down of {cool_down}"
    if len(recent) >= budget:
        return f"{len(recent)} trainings were ordered within 30 days, the budget is {budget}"
    return None


def _days(earlier: str, later: str) -> int:
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days
