"""What every family of rules consists of, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from include.decisions import Verdict
from include.evaluation.figures import ChampionState, EvaluationEvidence, Figure
from include.stats.bounds import Estimated
from include.use_case_sections import (
    RELATIVE_METRICS,
    BinaryProblem,
    CountProblem,
    MulticlassProblem,
    RegressionProblem,
)

if TYPE_CHECKING:
    import pandas as pd

    from include.problems import ProblemKind

Finding = tuple[Verdict, str]
NO_SPREAD = "without any spread between days this is no evidence"
_SHORT = {"roc_auc": "AUC", "average_precision": "average precision", "log_loss": "log loss"}
_PRIMARY = {
    "binary": BinaryProblem.primary,
    "multiclass": MulticlassProblem.primary,
    "regression": RegressionProblem.primary,
    "count": CountProblem.primary,
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A candidate, its holdout and what is known of both.

    Attributes:
        rows: the holdout with features and label.
        days: the partition of each row, n.
        score: of the candidate; n, or n x k for several classes.
        champion_score: None when there is no comparable champion.
        attributes: columns of the batches that rules name and that are no features, n rows.
        figures: of the saved files and of the run, by name; empty where nothing was measured.
    """

    kind: ProblemKind
    rows: pd.DataFrame
    label: np.ndarray
    days: np.ndarray
    model: Any
    score: np.ndarray
    baseline_score: np.ndarray | None = None
    champion_state: ChampionState = "none"
    champion_score: np.ndarray | None = None
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    budget: Mapping[str, float] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> np.ndarray:
        """Return a feature, or a column of the batch, for each row.

        Raises:
            KeyError: there is neither.
        """
        if name in self.rows.columns:
            return self.rows[name].to_numpy()
        return self.attributes[name]


@dataclass(frozen=True)
class Family:
    """One kind of rule.

    Attributes:
        key: names the figure that a rule needs, and nothing of its limits.
        measure: computes it from a case; `ValueError` and `KeyError` mean that it cannot be had.
        judge: applies the rule. `measured` is the figure of `key`, of this family's own class.
        explanation: what the rule asks and by which method, for the decision.
    """

    key: Callable[[Any, str], str]
    measure: Callable[[Any, Case], Figure]
    judge: Callable[[Any, Any, EvaluationEvidence], Finding]
    explanation: str


def shown(metric: str) -> str:
    """Return how a metric is called in a sentence."""
    return _SHORT.get(metric, metric.replace("_", " "))


def primary_of(problem: str) -> str:
    """Return the metric that a kind of problem is judged by when a rule names none."""
    return _PRIMARY[problem]


def not_below(
    found: Estimated, limit: float, *, alpha: float, needed: float, power: float, strictly: bool
) -> Verdict:
    """Judge whether a value lies above a limit; refuse only where the rows could have shown it.

    Args:
        found: the value; larger is better.
        limit: what it must exceed.
        alpha: error rate of each bound.
        needed: a shortfall of this size must be found with the given power, or the verdict is undecided.
        power: see above.
        strictly: whether the lower bound must lie above the limit and not at it.
    """
    lower, upper = found.lower(alpha), found.upper(alpha)
    if lower > limit or (lower == limit and not strictly):
        return Verdict.PASS
    if upper < limit or (upper == limit and strictly) or found.detectable(alpha, power) <= needed:
        return Verdict.REFUSE
    return Verdict.UNDECIDED


def allowance(metric: str, margin: float, other: float) -> float:
    """Return a margin in the metric's own unit: for losses and errors it is a share of the other's value."""
    return margin * abs(other) if metric in RELATIVE_METRICS else margin
