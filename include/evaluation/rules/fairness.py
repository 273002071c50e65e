"""Whether groups of a protected attribute are treated alike."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from include.decisions import Verdict
from include.evaluation.figures import EvaluationEvidence, GroupCounts, Groups
from include.evaluation.rules.base import Case, Family, Finding
from include.stats.bootstrap import bootstrap_blocks
from include.stats.bounds import Estimated
from include.use_case_sections import FairnessGate

_SEED = 20130101
_PAIR = 2


def _measure(rule: FairnessGate, case: Case) -> Groups:
    from fairlearn.metrics import (  # type: ignore[import-untyped]  # it ships no types
        demographic_parity_difference,
        equal_opportunity_difference,
    )

    if case.kind.name != "binary":
        raise ValueError(f"fairness compares yes and no; the problem is {case.kind.name}")
    group = pd.Series(case.column(rule.attribute)).astype("string").fillna("missing").to_numpy(dtype=object)
    acted = (case.score >= rule.threshold).astype(int)
    parity = rule.measure == "demographic_parity"
    whole = demographic_parity_difference if parity else equal_opportunity_difference
    counted = np.ones(len(acted), dtype=int) if parity else case.label.astype(int)
    days = pd.Series(case.days)
    frame = pd.DataFrame({"group": group, "day": days, "counted": counted, "acted": acted * counted})
    table = frame.pivot_table(
        index="day", columns="group", values=["counted", "acted"], aggfunc="sum", fill_value=0
    )
    return Groups(
        difference=float(whole(case.label, acted, sensitive_features=group)),
        counts={
            str(name): GroupCounts(
                counted=[int(value) for value in table["counted"][name]],
                acted=[int(value) for value in table["acted"][name]],
            )
            for name in sorted(set(group))
        },
    )


def _judge(rule: FairnessGate, found: Groups, _: EvaluationEvidence) -> Finding:
    large = [name for name, counts in found.counts.items() if sum(counts.counted) >= rule.min_rows]
    about = f"fairness: {rule.measure.replace('_', ' ')} by {rule.attribute}"
    if len(large) < _PAIR:
        return _unclear(rule), f"{about}: fewer than two groups have {rule.min_rows} rows that count"
    pairs = list(combinations(large, 2))
    alpha = rule.alpha / len(pairs)
    try:
        gaps = {pair: _gap(found, pair, rule.resamples) for pair in pairs}
    except ValueError as error:
        return _unclear(rule), f"{about}: {error}"
    widest = max(gaps, key=lambda pair: gaps[pair].value)
    gap = gaps[widest]
    figure = (
        f"{about}: {_rate(found, widest[0]):.1%} of {widest[0]} against {_rate(found, widest[1]):.1%} of "
        f"{widest[1]}, a difference between {max(gap.lower(alpha), 0):.3f} and {gap.upper(alpha):.3f}, "
        f"allowed {rule.max_difference:.3f}"
    )
    if any(gap.lower(alpha) > rule.max_difference for gap in gaps.values()):
        return Verdict.REFUSE, figure
    if all(gap.upper(alpha) <= rule.max_difference for gap in gaps.values()):
        return Verdict.PASS, figure
    return _unclear(rule), f"{figure}: too close to say"


def _unclear(rule: FairnessGate) -> Verdict:
    return Verdict(rule.unclear)


def _rate(found: Groups, name: str) -> float:
    counts = found.counts[name]
    return sum(counts.acted) / max(sum(counts.counted), 1)


def _gap(found: Groups, pair: tuple[str, str], resamples: int) -> Estimated:
    """Return the absolute difference of two groups' rates, with its error over whole days."""
    sides = [found.counts[name] for name in pair]
    counts = np.array([[*side] for one in sides for side in (one.acted, one.counted)], dtype=float).T
    sign = 1.0 if _rate(found, pair[0]) >= _rate(found, pair[1]) else -1.0
    return bootstrap_blocks(
        counts,
        lambda sums: sign * (sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]),
        resamples=resamples,
        seed=_SEED,
    )


FAIRNESS = Family(
    key=lambda rule, _problem: f"fairness:{rule.measure}:{rule.attribute}:{rule.threshold}",
    measure=_measure,
    judge=_judge,
    explanation="fairness: fairlearn's difference between groups, with a bound for each pair from whole days "
    "drawn anew (Davison & Hinkley 1997), alpha shared by the pairs",
)
