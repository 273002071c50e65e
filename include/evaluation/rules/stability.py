"""Whether the days of the holdout agree."""

from __future__ import annotations

import math

from include.decisions import Verdict
from include.evaluation.figures import DayMetrics, EvaluationEvidence
from include.evaluation.rules.base import Case, Family, Finding, allowance, primary_of, shown
from include.evaluation.rules.estimating import metric_of
from include.use_case_sections import StabilityGate


def _measure(rule: StabilityGate, case: Case) -> DayMetrics:
    metric = rule.metric or case.kind.primary
    compute = metric_of(case.kind, metric)
    values: dict[str, float | None] = {}
    rows: dict[str, int] = {}
    for day in sorted(set(case.days)):
        mask = case.days == day
        found = float(compute(case.label[mask], case.score[mask]))
        values[str(day)] = None if math.isnan(found) else round(found, 6)
        rows[str(day)] = int(mask.sum())
    return DayMetrics(
        whole=float(compute(case.label, case.score)),
        higher_is_better=case.kind.higher_is_better(metric),
        rows=rows,
        values=values,
    )


def _judge(rule: StabilityGate, found: DayMetrics, evidence: EvaluationEvidence) -> Finding:
    metric = rule.metric or primary_of(evidence.problem)
    sign = 1 if found.higher_is_better else -1
    drop = allowance(metric, rule.max_drop, found.whole)
    judged = {
        day: value
        for day, value in found.values.items()
        if value is not None and found.rows[day] >= rule.min_rows
    }
    if not judged:
        return Verdict.UNDECIDED, f"stability: no day has {rule.min_rows} rows and a {shown(metric)}"
    bad = {day: value for day, value in judged.items() if sign * (found.whole - value) > drop}
    share = len(bad) / len(judged)
    figure = (
        f"stability: {len(bad)} of {len(judged)} days have {shown(metric)} worse than {found.whole:.3f} by "
        f"more than {drop:.3g}, allowed {rule.max_bad_share:.0%}"
    )
    if share > rule.max_bad_share:
        return Verdict.REFUSE, f"{figure}: {', '.join(f'{day} {value:.3f}' for day, value in bad.items())}"
    return Verdict.PASS, figure


STABILITY = Family(
    key=lambda rule, problem: f"days:{rule.metric or primary_of(problem)}",
    measure=_measure,
    judge=_judge,
    explanation="stability: plain limit on the share of days that fall behind the whole",
)
