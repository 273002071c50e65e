"""What running the model takes and brings: budgets, value, and what must be in order beside the figures."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np

from include.decisions import Verdict
from include.evaluation.figures import Budget, Estimate, EvaluationEvidence, State, Worth
from include.evaluation.rules.base import NO_SPREAD, Case, Family, Finding
from include.hashing import digest
from include.stats.bounds import Estimated
from include.stats.leave_one_out import leave_one_block_out
from include.use_case_sections import BudgetGate, ConditionsGate, CostMatrix, ValueFunction, ValueGate

_DIGITS = 12
Worths = Callable[[np.ndarray, np.ndarray], np.ndarray]


# Budget


def _measure_budget(_: BudgetGate, case: Case) -> Budget:
    return Budget(**case.budget)


def _judge_budget(rule: BudgetGate, found: Budget, _: EvaluationEvidence) -> Finding:
    limits = {
        "model": (found.model_mb, rule.max_model_mb, "MB"),
        "one row": (found.one_ms, rule.max_one_ms, "ms"),
        "10,000 rows": (found.bulk_s, rule.max_bulk_s, "s"),
        "memory": (found.memory_mb, rule.max_memory_mb, "MB"),
    }
    declared = {name: three for name, three in limits.items() if three[1] is not None}
    lost = [name for name, (value, _limit, _unit) in declared.items() if value is None]
    over = [
        f"{name} {value:.3g} {unit}, allowed {limit:g}"
        for name, (value, limit, unit) in declared.items()
        if value is not None and limit is not None and not value <= limit
    ]
    if over or lost:
        told = [*over, *(f"{name} was not measured" for name in lost)]
        return Verdict.REFUSE, f"budget: {'; '.join(told)}"
    kept = [f"{name} {value:.3g} {unit}" for name, (value, _limit, unit) in declared.items()]
    return Verdict.PASS, f"budget: {'; '.join(kept) or 'no limit is declared'}"


BUDGET = Family(
    key=lambda _rule, _problem: "budget",
    measure=_measure_budget,
    judge=_judge_budget,
    explanation="budget: plain limits on the saved model",
)


# Value


def _measure_value(rule: ValueGate, case: Case) -> Worth:
    worth = _worths(rule, case)
    mine = worth(case.label, case.score)
    over = None
    if case.champion_score is not None:
        over = _mean(mine - worth(case.label, case.champion_score), case.days)
    return Worth(per_row=_mean(mine, case.days), over_champion=over)


def _mean(values: np.ndarray, days: np.ndarray) -> Estimate:
    found = leave_one_block_out(lambda rows: float(values[rows].mean()), days)
    return Estimate(
        value=found.value, standard_error=found.standard_error, degrees_of_freedom=found.degrees_of_freedom
    )


def _worths(rule: ValueGate, case: Case) -> Worths:
    if isinstance(rule.value, ValueFunction):
        return _loaded(rule.value)
    matrix: CostMatrix = rule.value
    if case.kind.name != "binary":
        raise ValueError(f"a cost matrix needs yes and no; the problem is {case.kind.name}; use a function")

    def worth(label: np.ndarray, score: np.ndarray) -> np.ndarray:
        acted, happened = score >= matrix.threshold, label == 1
        hit = np.where(happened, matrix.true_positive, matrix.false_positive)
        left = np.where(happened, matrix.false_negative, matrix.true_negative)
        return np.where(acted, hit, left)

    return worth


def _loaded(declared: ValueFunction) -> Worths:
    module, _, name = declared.function.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{declared.function} cannot be imported: {error}") from error

    def worth(label: np.ndarray, score: np.ndarray) -> np.ndarray:
        found = np.asarray(function(label, score), dtype=np.float64)
        if found.shape != (len(label),) or not np.isfinite(found).all():
            raise ValueError(f"{declared.function} returned no finite number for each row")
        return found

    return worth


def _judge_value(rule: ValueGate, found: Worth, _: EvaluationEvidence) -> Finding:
    unit = f" {rule.unit}" if rule.unit else ""
    mine = found.per_row.bounds
    figure = (
        f"value: {mine.value:.4g}{unit} a row, at least {mine.lower(rule.alpha):.4g}, needed "
        f"{rule.min_per_row:g}"
    )
    verdict = _reaches(mine, rule.min_per_row, rule.alpha)
    if rule.champion_margin is not None and found.over_champion is not None:
        over = found.over_champion.bounds
        figure += (
            f"; {over.value:+.4g} over the champion, at least {over.lower(rule.alpha):+.4g}, needed "
            f"{-rule.champion_margin:+g}"
        )
        second = _reaches(over, -rule.champion_margin, rule.alpha)
        order = [Verdict.PASS, Verdict.UNDECIDED, Verdict.REFUSE]
        verdict = max(verdict, second, key=order.index)
    if found.per_row.standard_error == 0:
        return Verdict.UNDECIDED, f"{figure}: {NO_SPREAD}"
    return verdict, figure if verdict is not Verdict.UNDECIDED else f"{figure}: too close to say"


def _reaches(found: Estimated, limit: float, alpha: float) -> Verdict:
    if found.lower(alpha) >= limit:
        return Verdict.PASS
    return Verdict.REFUSE if not found.upper(alpha) >= limit else Verdict.UNDECIDED


VALUE = Family(
    key=lambda rule, _problem: f"value:{digest(rule.value)[:_DIGITS]}",
    measure=_measure_value,
    judge=_judge_value,
    explanation="value: one-sided bound of the mean value of a row, one day left out at a time",
)


# Conditions


def _measure_state(_: ConditionsGate, case: Case) -> State:
    return State(**case.state)


def _judge_state(rule: ConditionsGate, found: State, _: EvaluationEvidence) -> Finding:
    wrong: list[str] = []
    if rule.model_card and found.card_missing:
        wrong.append(
            f"the model card leaves open {', '.join(found.card_missing)}; answer it in the section card"
        )
    if rule.owner and not found.owner.strip():
        wrong.append("no owner is named")
    if rule.max_data_age_days is not None and found.data_age_days > rule.max_data_age_days:
        wrong.append(
            f"the newest row is {found.data_age_days} days older than the as-of, allowed "
            f"{rule.max_data_age_days}"
        )
    missing = found.missing_days / max(found.window_days, 1)
    if missing > rule.max_missing_share:
        wrong.append(
            f"{found.missing_days} of {found.window_days} days of the window have no usable row, allowed "
            f"{rule.max_missing_share:.0%}"
        )
    if wrong:
        return Verdict.REFUSE, f"conditions: {'; '.join(wrong)}"
    return Verdict.PASS, f"conditions: owner {found.owner}, newest data {found.data_age_days} days old"


CONDITIONS = Family(
    key=lambda _rule, _problem: "state",
    measure=_measure_state,
    judge=_judge_state,
    explanation="conditions: plain limits",
)
