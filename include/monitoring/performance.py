"""Loss on the labels that have arrived, against the loss that the champion showed on its holdout.

Two rules look at it every day. The bound notices a rise that is large, and says so only once it is sure; the
cumulative sum notices a small one that stays.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.lake import LABEL
from include.problems.base import ProblemKind
from include.stats.sequence import decay, lower_mean_bound, mean_e_value, upper_mean_bound
from include.use_case_sections import Performance

if TYPE_CHECKING:
    import pandas as pd

GATE = "performance"
RULE = (
    "confidence sequence of the mean daily loss above the holdout's upper bound plus a margin "
    "(Podkopaev & Ramdas 2022), and self-starting CUSUM (Hawkins 1987); days as blocks"
)
_FEWEST_DAYS = 2  # with fewer there is no spread between days


class DayPerformance(BaseModel):
    """Figures of one scored day whose labels have arrived.

    Attributes:
        loss: mean loss of its rows.
        metric: the primary metric; None where its labels do not allow one, such as an AUC of one class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    loss: float
    metric: float | None


class EstimatedPerformance(BaseModel):
    """What the scores alone say of the partition, whose labels are not known yet.

    Attributes:
        error: mean absolute error of such estimates on the days with labels.
        plain_error: that of the mean of those days. Where it is smaller, the estimate is useless.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    value: float
    lower: float
    upper: float
    days: int
    error: float
    plain_error: float
    useful: bool


class PerformanceEvidence(BaseModel):
    """Figures of the champion on live data and on its holdout, by day.

    Attributes:
        loss_name, metric_name: what `loss` and `metric` of a day are.
        contradicted: rows left out because two labels known since the same day contradict each other.
        foreign: rows left out because another champion scored them.
        early: labels known before their prediction was; they count, because features are point in time.
        estimated: of the partition itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["performance"] = "performance"
    model_version: str
    loss_name: str = "log_loss"
    metric_name: str = "roc_auc"
    live: dict[str, DayPerformance]
    holdout_losses: list[float]
    contradicted: int = 0
    foreign: int = 0
    early: int = 0
    estimated: list[EstimatedPerformance] = []


def check(evidence: PerformanceEvidence, policy: Performance) -> Ruling:
    """Judge the champion's live loss. `warn` is the alarm."""

    def ruled(verdict: Verdict, *reasons: str) -> Ruling:
        return Ruling(verdict=verdict, reasons=list(reasons), rule=RULE, error_rate=policy.alpha)

    live = [day.loss for _, day in sorted(evidence.live.items())]
    if len(live) < policy.min_days:
        return ruled(
            Verdict.UNDECIDED,
            f"{len(live)} days with labels, needed {policy.min_days}",
            *_left_out(evidence),
            *_estimates(evidence),
        )
    if len(evidence.holdout_losses) < _FEWEST_DAYS:
        return ruled(Verdict.UNDECIDED, "the champion's holdout has fewer than two days to compare with")
    # Either side of the comparison may err at half of alpha.
    limit = upper_mean_bound(evidence.holdout_losses, policy.alpha / 2) + policy.margin
    lower = lower_mean_bound(live, policy.alpha / 2)
    evidenced = mean_e_value(live, limit)
    moved = decay(evidence.holdout_losses, live, allowance=policy.allowance)
    sure = evidenced >= 2 / policy.alpha
    slow = moved.value >= policy.decay_limit
    before = float(np.mean(evidence.holdout_losses))
    reasons = [
        f"{evidence.loss_name} {np.mean(live):.3f} over {len(live)} days against {before:.3f} on the "
        f"holdout, surely {lower:.3f}, alarming above {limit:.3f} (e = {evidenced:.3g})",
        f"rises add up to {moved.value:.1f} deviations of a day over {moved.since} days, alarming at "
        f"{policy.decay_limit:g}",
    ]
    return ruled(Verdict.WARN if sure or slow else Verdict.PASS, *reasons, *_left_out(evidence))


def _left_out(evidence: PerformanceEvidence) -> list[str]:
    found = []
    if evidence.contradicted:
        found.append(f"{evidence.contradicted} rows left out, whose labels contradict each other")
    if evidence.foreign:
        found.append(f"{evidence.foreign} rows left out, which another champion scored")
    if evidence.early:
        found.append(f"{evidence.early} labels were known before their prediction")
    return found


def _estimates(evidence: PerformanceEvidence) -> list[str]:
    return [
        f"estimated {found.metric} {found.value:.3f} ({found.lower:.3f} to {found.upper:.3f})"
        + ("" if found.useful else "; useless here, the mean of past days is as near")
        for found in evidence.estimated
    ]


def day_performance(rows: pd.DataFrame, kind: ProblemKind) -> DayPerformance:
    """Compute the figures of one day from rows of `include.monitoring.labelled`."""
    metric = kind.metric(kind.primary)(rows[LABEL].to_numpy(), kind.restored(rows))
    return DayPerformance(
        rows=len(rows),
        loss=round(float(rows["loss"].mean()), 6),
        metric=round(float(metric), 6) if math.isfinite(metric) else None,
    )
