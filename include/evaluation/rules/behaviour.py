"""What people know of the answers: golden inputs, and how a change of the input must move the score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from include.decisions import Verdict
from include.evaluation.figures import Answers, EvaluationEvidence, Moves
from include.evaluation.rules.base import Case, Family, Finding
from include.hashing import digest
from include.use_case_sections import GoldenGate, InvarianceGate, Replace, Shift

if TYPE_CHECKING:
    import pandas as pd

_SEED = 20130101
_DIGITS = 12


def _scores(case: Case, rows: pd.DataFrame) -> np.ndarray:
    found = case.kind.scores(case.model, rows)
    if found.ndim != 1:
        raise ValueError(f"a {case.kind.name} problem has several scores a row; this rule judges one")
    return found


# Golden inputs


def _measure_golden(rule: GoldenGate, case: Case) -> Answers:
    import pandas as pd

    names = list(case.model.feature_names_in_)
    if unknown := sorted({name for golden in rule.cases for name in golden.inputs} - set(names)):
        raise ValueError(f"the model has no feature {', '.join(unknown)}; it has {', '.join(names)}")
    rows = pd.DataFrame([golden.inputs for golden in rule.cases], columns=names)
    numbers = [name for name in names if name in case.numbers]
    rows = rows.astype(dict.fromkeys(numbers, "float64"))
    found = _scores(case, rows)
    return Answers(
        scores={golden.name: float(score) for golden, score in zip(rule.cases, found, strict=True)}
    )


def _judge_golden(rule: GoldenGate, found: Answers, _: EvaluationEvidence) -> Finding:
    wrong: list[str] = []
    for golden in rule.cases:
        score = found.scores.get(golden.name)
        low = -np.inf if golden.min is None else golden.min
        high = np.inf if golden.max is None else golden.max
        if score is None or not low <= score <= high:
            shown = "no score" if score is None else f"{score:.4g}"
            wrong.append(f"{golden.name}: {shown}, must lie in [{low:g}, {high:g}]")
    if wrong:
        return Verdict.REFUSE, f"golden: {'; '.join(wrong)}"
    return Verdict.PASS, f"golden: all {len(rule.cases)} known inputs have their known answers"


GOLDEN = Family(
    key=lambda rule, _problem: (
        f"golden:{digest([(case.name, case.inputs) for case in rule.cases])[:_DIGITS]}"
    ),
    measure=_measure_golden,
    judge=_judge_golden,
    explanation="golden: plain limits on the scores of known inputs",
)


# Invariances


def _measure_moves(rule: InvarianceGate, case: Case) -> Moves:
    if rule.feature not in list(case.model.feature_names_in_):
        raise ValueError(f"the model has no feature {rule.feature}")
    picked = np.unique(np.linspace(0, len(case.rows) - 1, min(rule.rows, len(case.rows))).astype(int))
    rows = case.rows.iloc[picked]
    before = _scores(case, rows)
    after = _scores(case, rows.assign(**{rule.feature: _changed(rule, rows[rule.feature])}))
    move = after - before
    # NaN would be no move; a model that cannot answer is as wrong as one that answers wrongly.
    move = np.where(np.isfinite(move), move, np.inf)
    against = {"same": np.abs(move), "not_lower": -move, "not_higher": move}[rule.expect]
    against = np.where(np.isposinf(move), np.inf, against)
    return Moves(
        rows=len(rows),
        against=int((against > rule.tolerance).sum()),
        largest=float(min(max(against.max(), 0.0), np.finfo(float).max)),
    )


def _changed(rule: InvarianceGate, values: pd.Series) -> Any:
    match rule.change:
        case Shift(by=by):
            return values + by
        case Replace(value=value):
            return np.full(len(values), value, dtype=values.to_numpy().dtype)
        case _:
            order = np.random.default_rng(_SEED).permutation(len(values))
            return values.to_numpy()[order]


def _judge_moves(rule: InvarianceGate, found: Moves, _: EvaluationEvidence) -> Finding:
    share = found.against / max(found.rows, 1)
    expected = {"same": "leave the score", "not_lower": "not lower it", "not_higher": "not raise it"}[
        rule.expect
    ]
    figure = (
        f"invariance: {rule.change.kind} of {rule.feature} must {expected}; it does not in "
        f"{found.against} of {found.rows} rows (by up to {found.largest:.3g}), allowed {rule.max_share:.1%}"
    )
    return (Verdict.PASS if share <= rule.max_share else Verdict.REFUSE), figure


INVARIANCE = Family(
    key=lambda rule, _problem: (
        f"invariance:{rule.feature}:{digest([rule.change, rule.expect, rule.tolerance, rule.rows])[:_DIGITS]}"
    ),
    measure=_measure_moves,
    judge=_judge_moves,
    explanation="invariance: plain limit on the share of rows whose score moves against the expectation "
    "(metamorphic testing)",
)
