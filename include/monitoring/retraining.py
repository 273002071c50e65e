"""Whether a training starts. It never deploys anything: the candidate goes through every gate.

One rule for all who may start one: monitoring after a partition, the schedule, and a person. What starts
nothing is a decision too, with the reason that held it back.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.use_case_sections import Retraining

GATE = "retraining"
RULE = (
    "marked in k of the last n partitions and in the newest, labels since the newest training, or its age; "
    "cool-down, budget and doubtful data in data time"
)


class RetrainingEvidence(BaseModel):
    """What the decision rests on.

    Attributes:
        asked_by: monitoring after a partition, the schedule, or a person.
        partition: newest partition that was looked at.
        marked: those of them whose drift or performance was marked, with the gates that marked them.
        considered: the last n monitored partitions, this one included.
        champion_as_of: as-of of the newest champion, whichever model scored this partition; None without one.
        trained_as_of: as-of of the newest training before this one; None without one.
        new_labels: labels that became known since then.
        learned_labels: labels that that training learned from.
        orders: as-ofs of the trainings that monitoring ordered in the 30 data days before.
        suspect: newest days that were refused or of bad quality, with the gate and its verdict.
        request: the person's reason; empty for the others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["retraining"] = "retraining"
    asked_by: Literal["monitoring", "schedule", "person"] = "monitoring"
    partition: str
    as_of: str
    considered: list[str]
    marked: dict[str, list[str]]
    champion_as_of: str | None
    trained_as_of: str | None = None
    new_labels: int = 0
    learned_labels: int = 0
    orders: list[str] = []
    suspect: dict[str, str] = {}
    request: str = ""


def check(evidence: RetrainingEvidence, policy: Retraining) -> Ruling:
    """Start a training (`pass`), or say why not (`refuse`)."""
    judge = {"monitoring": _ordered, "schedule": _scheduled, "person": _requested}[evidence.asked_by]
    starts, reason = judge(evidence, policy)
    return Ruling(verdict=Verdict.PASS if starts else Verdict.REFUSE, reasons=[reason], rule=RULE)


def _ordered(evidence: RetrainingEvidence, policy: Retraining) -> tuple[bool, str]:
    if refusal := _historical(evidence):
        return False, refusal
    ground = ground_of(evidence, policy)
    if ground is None:
        return False, _no_ground(evidence, policy)
    if refusal := _suppressed(evidence, policy):
        return False, f"{refusal}; the ground was {ground}"
    return True, f"train as of {evidence.as_of}: {ground}"


def _scheduled(evidence: RetrainingEvidence, policy: Retraining) -> tuple[bool, str]:
    if policy.schedule == "always":
        return True, f"train as of {evidence.as_of}: the schedule says so"
    if evidence.champion_as_of is None:
        return True, f"train as of {evidence.as_of}: there is no champion yet"
    if ground := ground_of(evidence, policy):
        return True, f"train as of {evidence.as_of}: {ground}"
    trained = evidence.trained_as_of or evidence.champion_as_of
    age = _days(trained, evidence.as_of)
    if policy.due_days and age >= policy.due_days:
        return True, f"train as of {evidence.as_of}: the newest training is {age} days old"
    due = f"due after {policy.due_days}" if policy.due_days else "none is due without a ground"
    return False, f"not needed: {_no_ground(evidence, policy)}; the newest training is {age} days old, {due}"


def _requested(evidence: RetrainingEvidence, policy: Retraining) -> tuple[bool, str]:
    return True, f"train as of {evidence.as_of}: asked for by a person: {evidence.request or 'no reason'}"


def ground_of(evidence: RetrainingEvidence, policy: Retraining) -> str | None:
    """Say what asks for a training, if anything does."""
    marked = _counted(evidence, policy)
    if evidence.partition in marked and len(marked) >= policy.violations:
        marks = "; ".join(f"{day}: {' and '.join(gates)}" for day, gates in sorted(marked.items()))
        return f"{len(marked)} of {len(evidence.considered)} days marked ({marks})"
    # More of the same is worth a training when one is due anyway; by itself it orders one only if it may.
    counts = evidence.asked_by == "schedule" or "labels" in policy.triggers
    if counts and evidence.new_labels >= _enough_labels(evidence, policy):
        new, learned = evidence.new_labels, evidence.learned_labels
        return f"{new} labels have come since the newest training, which learned from {learned}"
    return None


def _enough_labels(evidence: RetrainingEvidence, policy: Retraining) -> float:
    limits = [float(policy.new_labels)] if policy.new_labels else []
    if policy.new_labels_share and evidence.learned_labels:
        limits.append(policy.new_labels_share * evidence.learned_labels)
    return min(limits, default=math.inf)


def _counted(evidence: RetrainingEvidence, policy: Retraining) -> dict[str, list[str]]:
    """Return the marks of the gates that may order a training."""
    wanted: set[str] = set(policy.triggers)
    counted = {day: [gate for gate in gates if gate in wanted] for day, gates in evidence.marked.items()}
    return {day: gates for day, gates in counted.items() if gates}


def _historical(evidence: RetrainingEvidence) -> str | None:
    if evidence.champion_as_of is not None and evidence.partition < evidence.champion_as_of:
        known = f"the champion already knows the data up to {evidence.champion_as_of}"
        return f"{evidence.partition} is historical: {known}"
    return None


def _no_ground(evidence: RetrainingEvidence, policy: Retraining) -> str:
    marked = _counted(evidence, policy)
    if evidence.partition not in marked:
        return f"{evidence.partition} itself is not marked"
    share = f"{len(marked)} of the last {len(evidence.considered)} partitions"
    return f"{share} are marked, needed {policy.violations} of {policy.of_last}"


def _suppressed(evidence: RetrainingEvidence, policy: Retraining) -> str | None:
    cool_down, budget = policy.cool_down_days, policy.max_orders_per_30_days
    if evidence.champion_as_of is not None:
        age = _days(evidence.champion_as_of, evidence.as_of)
        if age < cool_down:
            return f"the champion is {age} days old, within the cool-down of {cool_down}"
    recent = [order for order in evidence.orders if order <= evidence.as_of]
    if recent and (ago := _days(max(recent), evidence.as_of)) < cool_down:
        return f"a training was ordered {ago} days before, within the cool-down of {cool_down}"
    if len(recent) >= budget:
        return f"{len(recent)} trainings were ordered within 30 days, the budget is {budget}"
    if len(evidence.suspect) > policy.max_suspect:
        doubtful = ", ".join(f"{day} {verdict}" for day, verdict in sorted(evidence.suspect.items()))
        return f"the data itself is doubtful ({doubtful})"
    return None


def _days(earlier: str, later: str) -> int:
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days
