"""Parts of the rows that a good overall figure may hide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from include.decisions import Verdict
from include.evaluation.figures import Difference, EvaluationEvidence, Slice, Slices
from include.evaluation.rules.base import Case, Family, Finding, allowance, primary_of, shown
from include.evaluation.rules.estimating import metric_of
from include.stats.bounds import Estimated
from include.stats.leave_one_out import leave_one_block_out
from include.use_case_sections import SlicesGate

_QUARTERS = (0.25, 0.5, 0.75)
_KEPT = 15
_SHOWN = 3
Mask = np.ndarray


def _measure(rule: SlicesGate, case: Case) -> Slices:
    metric = rule.metric or case.kind.primary
    if rule.against == "champion" and case.champion_score is None:
        return Slices(looked_at=0, worst=[])
    declared = {name: mask for column in rule.by for name, mask in _values(column, case.column(column))}
    found = dict(_searched(case)) if rule.search else {}
    masks = {name: mask for name, mask in {**found, **declared}.items() if _large(mask, rule.min_rows)}
    slices: list[Slice] = []
    unmeasured: dict[str, str] = {}
    for name, mask in masks.items():
        try:
            slices.append(_slice(name, mask, metric, rule, case, searched=name not in declared))
        except ValueError as error:
            if name in declared:
                unmeasured[name] = str(error)
    kept = sorted((part for part in slices if part.searched), key=lambda part: part.difference.gain.value)
    named = [part for part in slices if not part.searched]
    return Slices(looked_at=len(masks), worst=named + kept[:_KEPT], unmeasured=unmeasured)


def _large(mask: Mask, min_rows: int) -> bool:
    return min(int(mask.sum()), int((~mask).sum())) >= min_rows


def _values(column: str, values: np.ndarray) -> Iterator[tuple[str, Mask]]:
    text = pd.Series(values).astype("string").fillna("missing").to_numpy(dtype=object)
    for value in pd.unique(text):
        yield f"{column} = {value}", text == value


def _searched(case: Case) -> Iterator[tuple[str, Mask]]:
    for column in case.categories:
        yield from _values(column, case.column(column))
    for column in case.numbers:
        values = case.column(column).astype(float)
        if not np.isfinite(values).any():
            continue
        edges = np.unique(np.nanquantile(values, _QUARTERS))
        limits = [-np.inf, *edges, np.inf]
        for low, high in pairwise(limits):
            yield f"{column} in ({low:.4g}, {high:.4g}]", (values > low) & (values <= high)


def _slice(name: str, mask: Mask, metric: str, rule: SlicesGate, case: Case, *, searched: bool) -> Slice:
    value = metric_of(case.kind, metric)
    if rule.against == "champion":
        other_score, other_mask = case.champion_score, mask
    else:
        other_score, other_mask = case.score, ~mask
    assert other_score is not None  # noqa: S101 -- measured only when there is a champion

    def side(score: np.ndarray, rows: Mask) -> float:
        return float(value(case.label[rows], score[rows])) if rows.any() else float("nan")

    def difference(rows: Mask) -> float:
        return side(case.score, rows & mask) - side(other_score, rows & other_mask)

    mine, other = side(case.score, mask), side(other_score, other_mask)
    better = case.kind.higher_is_better(metric)
    worse = (mine < other) if better else (mine > other)
    # A slice that fares better needs no error: it cannot be shown to be worse.
    found = _error(difference, case.days) if worse or not searched else Estimated(mine - other, 0.0, 1.0)
    return Slice(
        name=name,
        rows=int(mask.sum()),
        searched=searched,
        difference=Difference(
            candidate=mine,
            other=other,
            standard_error=found.standard_error,
            degrees_of_freedom=found.degrees_of_freedom,
            higher_is_better=better,
        ),
    )


def _error(difference: Callable[[Mask], float], days: np.ndarray) -> Estimated:
    return leave_one_block_out(difference, days)


def _judge(rule: SlicesGate, found: Slices, evidence: EvaluationEvidence) -> Finding:
    metric = rule.metric or primary_of(evidence.problem)
    if rule.against == "champion" and evidence.champion_state != "compared":
        return Verdict.PASS, "slices: no champion to compare with"
    if found.looked_at == 0:
        return Verdict.WARN, f"slices: none of {rule.min_rows} rows or more, so none was judged"
    alpha = rule.alpha / found.looked_at
    limits = {part.name: allowance(metric, rule.max_drop, part.difference.other) for part in found.worst}
    shown_worse = [part for part in found.worst if part.difference.gain.upper(alpha) < -limits[part.name]]
    looks_worse = [part for part in found.worst if part.difference.gain.value < -limits[part.name]]
    told = f"{found.looked_at} looked at, shown at alpha {rule.alpha} together"
    if shown_worse:
        return Verdict.REFUSE, f"slices: {_listed(shown_worse, metric, rule)} ({told})"
    if found.unmeasured:
        first = next(iter(found.unmeasured.items()))
        return Verdict.WARN, f"slices: nothing can be said of {first[0]}: {first[1]}"
    if looks_worse:
        return (
            Verdict.WARN,
            f"slices: {_listed(looks_worse, metric, rule)}, which chance may explain ({told})",
        )
    return Verdict.PASS, f"slices: none is worse than {_side(rule)} by more than {rule.max_drop:g} ({told})"


def _side(rule: SlicesGate) -> str:
    return "the rest" if rule.against == "rest" else "under the champion"


def _listed(parts: list[Slice], metric: str, rule: SlicesGate) -> str:
    ordered = sorted(parts, key=lambda part: part.difference.gain.value)
    texts = [
        f"{part.name} ({part.rows} rows) has {shown(metric)} {part.difference.candidate:.3f} against "
        f"{part.difference.other:.3f} {'of the rest' if rule.against == 'rest' else 'under the champion'}"
        for part in ordered[:_SHOWN]
    ]
    more = f", and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return "; ".join(texts) + more


SLICES = Family(
    key=lambda rule, problem: (
        f"slices:{rule.metric or primary_of(problem)}:{rule.against}:{rule.min_rows}:"
        f"{'search' if rule.search else 'named'}:{','.join(sorted(rule.by))}"
    ),
    measure=_measure,
    judge=_judge,
    explanation="slices: one-sided bound of each slice's difference, one day left out at a time, alpha "
    "shared by all slices that were looked at (Bonferroni)",
)
