"""Was it right to order a training, or to hold one back? Judged by the weeks that followed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.stats.paired_blocks import PairedDifference
from include.use_case_sections import Retraining

GATE = "trigger_outcome"
RULE = "one-sided bounds of the paired difference between the candidate and the model in use, days as blocks"


class OutcomeEvidence(BaseModel):
    """What became of one retraining decision.

    Attributes:
        decision_id: the order, or the decision that held a training back.
        asked_by: monitoring, the schedule or a person.
        started: whether a training was started.
        signals: gates that had marked the days before; also where something else asked for the training.
        trained_as_of: the training that is judged: its own, or for one held back the next that was made.
        passed: whether its candidate passed the evaluation; None where it came to none.
        replaced_version: the model that was in use when the decision was taken; empty on a cold start.
        difference: of the primary metric on the later days, better above 0; None where none could be made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["trigger_outcome"] = "trigger_outcome"
    decision_id: str
    asked_by: str
    started: bool
    signals: list[str]
    trained_as_of: str | None
    passed: bool | None
    replaced_version: str
    days: list[str]
    rows: int = 0
    metric: str = ""
    difference: float | None = None
    standard_error: float | None = None
    degrees_of_freedom: float | None = None


Worth = Literal["better", "worse", "unclear"]


def worth_of(evidence: OutcomeEvidence, alpha: float) -> Worth:
    """Say whether the model of that training was shown to be better or worse on the later days."""
    if evidence.difference is None or evidence.standard_error is None or evidence.degrees_of_freedom is None:
        return "unclear"
    found = PairedDifference(evidence.difference, evidence.standard_error, evidence.degrees_of_freedom)
    if found.lower(alpha) > 0:
        return "better"
    return "worse" if found.upper(alpha) < 0 else "unclear"


def check(evidence: OutcomeEvidence, policy: Retraining) -> Ruling:
    """Judge a past decision: `pass` it was right, `refuse` it was wrong, `undecided` the days do not tell."""

    def ruled(verdict: Verdict, reason: str) -> Ruling:
        return Ruling(verdict=verdict, reasons=[reason], rule=RULE, error_rate=policy.outcome_alpha)

    worth = worth_of(evidence, policy.outcome_alpha)
    shown = _shown(evidence, worth)
    if not evidence.started:
        verdicts = {"better": Verdict.REFUSE, "worse": Verdict.PASS, "unclear": Verdict.UNDECIDED}
        return ruled(verdicts[worth], f"held back: {shown}")
    if evidence.passed is False and worth != "better":
        return ruled(Verdict.REFUSE, f"ordered in vain, the candidate did not pass: {shown}")
    verdicts = {"better": Verdict.PASS, "worse": Verdict.REFUSE, "unclear": Verdict.UNDECIDED}
    return ruled(verdicts[worth], f"ordered: {shown}")


def _shown(evidence: OutcomeEvidence, worth: Worth) -> str:
    if evidence.difference is None:
        if not evidence.replaced_version:
            return "there was no model to compare with"
        return "no model was trained in time to compare with"
    told = {"better": "better", "worse": "worse", "unclear": "neither shown better nor worse"}
    figure = f"{evidence.metric} {evidence.difference:+.4f} on {len(evidence.days)} later days"
    model = f"the model as of {evidence.trained_as_of}"
    return f"{model} was {told[worth]} than version {evidence.replaced_version} ({figure})"


class TriggerScore(BaseModel):
    """Precision and recall of what asked for trainings.

    Attributes:
        precision: share of the decided orders that were worth it; None without any.
        recall: share of the trainings that were worth it before which the signal stood; None without any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trigger: str
    orders: int
    right: int
    wrong: int
    undecided: int
    precision: float | None
    recall: float | None


def score(outcomes: list[tuple[OutcomeEvidence, Verdict]], alpha: float) -> list[TriggerScore]:
    """Return the score of each signal, and of the schedule and people.

    Recall can only be known of occasions on which a model was trained, for whatever reason: without a
    training nobody knows what one would have given.
    """
    started = [(found, verdict) for found, verdict in outcomes if found.started]
    worthwhile = [found for found, _ in started if worth_of(found, alpha) == "better"]
    scores: list[TriggerScore] = []
    for trigger in ("drift", "performance", "schedule", "person"):
        mine = [
            (found, verdict)
            for found, verdict in started
            if trigger == found.asked_by or (found.asked_by == "monitoring" and trigger in found.signals)
        ]
        right = sum(verdict is Verdict.PASS for _, verdict in mine)
        wrong = sum(verdict is Verdict.REFUSE for _, verdict in mine)
        stood = [found for found in worthwhile if trigger in found.signals or trigger == found.asked_by]
        scores.append(
            TriggerScore(
                trigger=trigger,
                orders=len(mine),
                right=right,
                wrong=wrong,
                undecided=len(mine) - right - wrong,
                precision=right / (right + wrong) if right + wrong else None,
                recall=len(stood) / len(worthwhile) if worthwhile else None,
            )
        )
    return scores
