"""The verdict on a candidate."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict, worst
from include.stats.auc import AucComparison, AucEstimate
from include.use_case_sections import BaselineGate, ChampionGate, Evaluation, FloorGate

RULE = (
    "one-sided bounds on AUC and on paired AUC differences, rows clustered by day "
    "(DeLong 1988; Obuchowski 1997; Student's t)"
)
# A holdout that would overlook a gap of the margin more often than this cannot refuse; it is too small.
_POWER = 0.8
ChampionState = Literal["none", "compared", "newer", "incompatible"]
_NO_SPREAD = "without any spread between days this is no evidence"


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Auc(_Figures):
    """AUC of the candidate with its clustered standard error."""

    auc: float
    standard_error: float
    degrees_of_freedom: float


class Difference(_Figures):
    """AUC of the candidate minus that of another model, on the same rows."""

    candidate: float
    other: float
    standard_error: float
    degrees_of_freedom: float

    @property
    def comparison(self) -> AucComparison:
        return AucComparison(
            self.candidate,
            self.other,
            self.candidate - self.other,
            self.standard_error,
            self.degrees_of_freedom,
        )


class DayLoss(_Figures):
    """Mean log loss of the candidate on one day of the holdout."""

    rows: int
    log_loss: float


class EvaluationEvidence(_Figures):
    """Figures of a candidate on its holdout.

    Attributes:
        auc: None when the holdout holds one class only.
        champion: None on a cold start, or when the comparison was not possible; `champion_state` says which.
        day_losses: by day; monitoring compares the live loss with them.
    """

    kind: Literal["evaluation"] = "evaluation"
    run_id: str
    rows: int
    positives: int
    days: int
    metrics: dict[str, float] = {}
    auc: Auc | None = None
    baseline: Difference | None = None
    champion_state: ChampionState = "none"
    champion_version: str = ""
    champion: Difference | None = None
    day_losses: dict[str, DayLoss] = {}


def check(evidence: EvaluationEvidence, policy: Evaluation) -> Ruling:
    """Judge a candidate by its figures. Every rule must pass."""
    found: list[tuple[Verdict, str]] = []
    if evidence.rows < policy.min_rows:
        found.append((Verdict.UNDECIDED, f"{evidence.rows} labelled holdout rows, needed {policy.min_rows}"))
    if evidence.auc is None:
        found.append((Verdict.UNDECIDED, "the holdout holds one class only, or too few days"))
    else:
        found += [_judge(evidence, evidence.auc, rule) for rule in policy.gates]
    ranks = (Verdict.REFUSE, Verdict.UNDECIDED, Verdict.WARN, Verdict.PASS)
    return Ruling(
        verdict=worst([verdict for verdict, _ in found]),
        reasons=[reason for rank in ranks for verdict, reason in found if verdict is rank],
        rule=RULE,
        error_rate=max(rule.alpha for rule in policy.gates),
    )


def _judge(
    evidence: EvaluationEvidence, auc: Auc, rule: FloorGate | BaselineGate | ChampionGate
) -> tuple[Verdict, str]:
    if isinstance(rule, FloorGate):
        return _judge_floor(auc, rule)
    if isinstance(rule, BaselineGate):
        if evidence.baseline is None:
            return Verdict.REFUSE, "baseline: there is no baseline to compare with"
        return _compare("baseline", evidence.baseline, -rule.margin, rule.alpha)
    return _judge_champion(evidence, rule)


def _judge_floor(auc: Auc, rule: FloorGate) -> tuple[Verdict, str]:
    estimate = AucEstimate(auc.auc, auc.standard_error, auc.degrees_of_freedom)
    lower, upper = estimate.lower(rule.alpha), estimate.upper(rule.alpha)
    figure = f"floor: AUC {auc.auc:.3f}, at least {lower:.3f}, against {rule.min:.3f}"
    if math.isnan(lower):
        return Verdict.REFUSE, f"{figure}: that is not a number"
    if auc.standard_error == 0:
        return Verdict.UNDECIDED, f"{figure}: {_NO_SPREAD}"
    if lower >= rule.min:
        return Verdict.PASS, figure
    if upper < rule.min:
        return Verdict.REFUSE, figure
    return Verdict.UNDECIDED, f"{figure}: too close to say"


def _judge_champion(evidence: EvaluationEvidence, rule: ChampionGate) -> tuple[Verdict, str]:
    match evidence.champion_state:
        case "none":
            return Verdict.PASS, "champion: none yet, the other rules decide"
        case "newer":
            return (
                Verdict.WARN,
                f"champion: version {evidence.champion_version} learned from later data, so its figures on "
                "this holdout would mean nothing; the promotion gate refuses an older as-of",
            )
        case "incompatible":
            return (
                Verdict.REFUSE,
                f"champion: version {evidence.champion_version} cannot score today's features, so nothing "
                "shows that the candidate is not worse",
            )
        case "compared":
            if evidence.champion is None:
                return Verdict.REFUSE, "champion: the comparison is missing from the evidence"
            return _compare("champion", evidence.champion, -rule.margin, rule.alpha)


def _compare(name: str, difference: Difference, limit: float, alpha: float) -> tuple[Verdict, str]:
    """Pass when the lower bound lies above the limit; refuse only where the holdout could have shown it."""
    comparison = difference.comparison
    lower, upper = comparison.lower(alpha), comparison.upper(alpha)
    figure = (
        f"{name}: AUC {difference.candidate:.3f} against {difference.other:.3f}, a difference of "
        f"{comparison.difference:+.3f}, at least {lower:+.3f}, needed above {limit:+.3f}"
    )
    if math.isnan(lower):
        return Verdict.REFUSE, f"{figure}: that is not a number"
    if comparison.standard_error == 0 and comparison.difference != 0:
        return Verdict.UNDECIDED, f"{figure}: {_NO_SPREAD}"
    if lower > limit:
        return Verdict.PASS, figure
    enough = comparison.detectable(alpha, _POWER) <= max(abs(limit), comparison.standard_error)
    if upper <= limit or enough:
        return Verdict.REFUSE, figure
    return Verdict.UNDECIDED, f"{figure}: the holdout is too small to say"
