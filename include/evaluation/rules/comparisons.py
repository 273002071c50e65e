"""Floors, the baseline and the champion."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from include.decisions import Verdict
from include.evaluation.figures import Difference, Estimate, EvaluationEvidence
from include.evaluation.rules.base import (
    NO_SPREAD,
    Case,
    Family,
    Finding,
    allowance,
    not_below,
    primary_of,
    shown,
)
from include.evaluation.rules.estimating import compared, estimated
from include.stats.bounds import Estimated
from include.stats.multiplicity import spent
from include.use_case_sections import USUAL_FLOORS, BaselineGate, ChampionGate, FloorGate

# Floor


def floor_metric(rule: FloorGate, problem: str) -> str:
    """Return the metric that a floor judges."""
    return rule.metric or USUAL_FLOORS[problem][0]


def _measure_floor(rule: FloorGate, case: Case) -> Estimate:
    return estimated(case.kind, floor_metric(rule, case.kind.name), case.label, case.score, case.days)


def _judge_floor(rule: FloorGate, found: Estimate, evidence: EvaluationEvidence) -> Finding:
    name = shown(floor_metric(rule, evidence.problem))
    ceiling = rule.max is not None
    declared = [limit for limit in (rule.min, rule.max) if limit is not None]
    limit = declared[0] if declared else USUAL_FLOORS[evidence.problem][1]
    bounds = found.bounds
    bound = bounds.upper(rule.alpha) if ceiling else bounds.lower(rule.alpha)
    side = "at most" if ceiling else "at least"
    figure = f"floor: {name} {found.value:.3f}, {side} {bound:.3f}, against {limit:.3f}"
    if math.isnan(bound):
        return Verdict.REFUSE, f"{figure}: that is not a number"
    if found.standard_error == 0:
        return Verdict.UNDECIDED, f"{figure}: {NO_SPREAD}"
    other = bounds.lower(rule.alpha) if ceiling else bounds.upper(rule.alpha)
    sign = -1 if ceiling else 1
    if sign * bound >= sign * limit:
        return Verdict.PASS, figure
    if sign * other < sign * limit:
        return Verdict.REFUSE, figure
    return Verdict.UNDECIDED, f"{figure}: too close to say"


FLOOR = Family(
    key=lambda rule, problem: f"metric:{floor_metric(rule, problem)}",
    measure=_measure_floor,
    judge=_judge_floor,
    explanation="floor: one-sided bound of the metric, rows clustered by day "
    "(AUC: DeLong 1988, Obuchowski 1997; others: one day left out at a time; Student's t)",
)


# Baseline


def _measure_baseline(rule: BaselineGate, case: Case) -> Difference:
    if case.baseline_score is None:
        raise ValueError("there is no baseline to compare with")
    metric = rule.metric or case.kind.primary
    return compared(
        case.kind, metric, label=case.label, score=case.score, other=case.baseline_score, days=case.days
    )


def _judge_baseline(rule: BaselineGate, found: Difference, evidence: EvaluationEvidence) -> Finding:
    metric = rule.metric or primary_of(evidence.problem)
    limit = -allowance(metric, rule.margin, found.other)
    asked = _Asked(limit=limit, alpha=rule.alpha, needed=-limit, power=rule.power)
    return _compare("baseline", metric, found, asked, evidence.judged_days)


BASELINE = Family(
    key=lambda rule, problem: f"baseline:{rule.metric or primary_of(problem)}",
    measure=_measure_baseline,
    judge=_judge_baseline,
    explanation="baseline: one-sided bound of the paired difference, rows clustered by day",
)


# Champion


def _measure_champion(rule: ChampionGate, case: Case) -> Difference:
    if case.champion_score is None:
        raise ValueError("no champion was compared")
    metric = rule.metric or case.kind.primary
    return compared(
        case.kind, metric, label=case.label, score=case.score, other=case.champion_score, days=case.days
    )


def _judge_champion(rule: ChampionGate, found: Difference | None, evidence: EvaluationEvidence) -> Finding:
    version = evidence.champion_version
    match evidence.champion_state:
        case "none":
            return Verdict.PASS, "champion: none yet, the other rules decide"
        case "newer":
            return (
                Verdict.WARN,
                f"champion: version {version} learned from later data, so its figures on this holdout would "
                "mean nothing; the promotion gate refuses an older as-of",
            )
        case "incompatible":
            return (
                Verdict.REFUSE,
                f"champion: version {version} cannot score today's features, so nothing shows that the "
                "candidate is not worse",
            )
    if found is None:
        return Verdict.REFUSE, "champion: the comparison is missing from the evidence"
    metric = rule.metric or primary_of(evidence.problem)
    alpha = spent(rule.alpha, evidence.earlier_candidates, rule.first_share)
    better = rule.test == "superiority"
    limit = 0.0 if better else -allowance(metric, rule.margin, found.other)
    needed = allowance(metric, rule.effect, found.other) if better else -limit
    asked = _Asked(limit=limit, alpha=alpha, needed=needed, power=rule.power)
    if better and rule.harm_margin is not None:
        harm = -allowance(metric, rule.harm_margin, found.other)
        asked = replace(asked, harm=harm, harm_alpha=rule.harm_alpha)
    verdict, reason = _compare("champion", metric, found, asked, evidence.judged_days)
    if evidence.earlier_candidates:
        reason += f" (alpha {alpha:.2g}: {evidence.earlier_candidates} earlier candidates used these days)"
    return verdict, reason


CHAMPION = Family(
    key=lambda rule, problem: f"champion:{rule.metric or primary_of(problem)}",
    measure=_measure_champion,
    judge=_judge_champion,
    explanation="champion: one-sided bound of the paired difference on the same rows, clustered by day; "
    "alpha is spent over the candidates that used days of one holdout",
)


@dataclass(frozen=True)
class _Asked:
    """What a gain must be shown to exceed.

    Attributes:
        limit: what its lower bound at `alpha` must exceed.
        needed: a gap of this size must be found with `power`, or the holdout is too small to refuse.
        harm: what its lower bound at `harm_alpha` must exceed beside it; None asks for no such bound.
    """

    limit: float
    alpha: float
    needed: float
    power: float
    harm: float | None = None
    harm_alpha: float = 0.01


def _compare(name: str, metric: str, found: Difference, asked: _Asked, days: int | None) -> Finding:
    """Pass when the lower bounds of the gain lie above their limits."""
    gain = found.gain
    lower = gain.lower(asked.alpha)
    figure = (
        f"{name}: {shown(metric)} {found.candidate:.3f} against {found.other:.3f}, a "
        f"{'difference' if found.higher_is_better else 'gain'} of {gain.value:+.3f}, at least {lower:+.3f}, "
        f"needed above {asked.limit:+.3f}"
    )
    if math.isnan(lower):
        return Verdict.REFUSE, f"{figure}: that is not a number"
    if found.standard_error == 0 and gain.value != 0:
        return Verdict.UNDECIDED, f"{figure}: {NO_SPREAD}"
    verdict = not_below(
        gain, asked.limit, alpha=asked.alpha, needed=asked.needed, power=asked.power, strictly=True
    )
    if asked.harm is not None:
        safe = gain.lower(asked.harm_alpha)
        figure += f"; almost surely at least {safe:+.3f}, needed above {asked.harm:+.3f}"
        if verdict is Verdict.PASS and safe <= asked.harm:
            verdict = Verdict.UNDECIDED
    if verdict is Verdict.UNDECIDED:
        return verdict, f"{figure}: the holdout is too small to say{_days_lacking(gain, asked, days)}"
    return verdict, figure


def _days_lacking(gain: Estimated, asked: _Asked, days: int | None) -> str:
    """Say how many more days such a holdout needs for the gap that it should find."""
    if days is None or asked.needed <= 0:
        return ""
    wanted = [gain.blocks_needed(asked.needed, asked.alpha, asked.power, blocks=days)]
    if asked.harm is not None:
        reach = asked.needed - asked.harm
        wanted.append(gain.blocks_needed(reach, asked.harm_alpha, asked.power, blocks=days))
    numbers = [number for number in wanted if number is not None]
    if len(numbers) < len(wanted):
        return ", and no number of such days would do"
    lacking = max(numbers) - days
    return f"; about {lacking} more days like these would" if lacking > 0 else ""
