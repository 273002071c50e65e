"""Loss on the labels that have arrived, against the loss that the champion showed on its holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.stats.blocks import exceeds_baseline
from include.use_case_sections import Performance

if TYPE_CHECKING:
    import pandas as pd

GATE = "performance"
RULE = "one-sided Welch bound on the difference of mean daily log loss, days as blocks (Welch 1947)"

_FEWEST_DAYS = 2  # with fewer there is no spread between days


class DayPerformance(BaseModel):
    """Figures of one scored day whose labels have arrived."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    log_loss: float
    roc_auc: float | None


class PerformanceEvidence(BaseModel):
    """Figures of the champion on live data and on its holdout, by day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["performance"] = "performance"
    model_version: str
    live: dict[str, DayPerformance]
    holdout_losses: list[float]


def check(evidence: PerformanceEvidence, policy: Performance) -> Ruling:
    """Judge the champion's live loss. `warn` is the alarm."""

    def ruled(verdict: Verdict, reason: str) -> Ruling:
        return Ruling(verdict=verdict, reasons=[reason], rule=RULE, error_rate=policy.alpha)

    live = [day.log_loss for day in evidence.live.values()]
    if len(live) < policy.min_days:
        return ruled(Verdict.UNDECIDED, f"{len(live)} days with labels, needed {policy.min_days}")
    if len(evidence.holdout_losses) < _FEWEST_DAYS:
        return ruled(Verdict.UNDECIDED, "the champion's holdout has fewer than two days to compare with")
    found = exceeds_baseline(live, evidence.holdout_losses, policy.margin, policy.alpha)
    reason = (
        f"log loss {found.mean_current:.3f} over {len(live)} days against {found.mean_baseline:.3f} on the "
        f"holdout, a rise of at least {found.lower_bound:+.3f}, alarming above {policy.margin:+.3f}"
    )
    return ruled(Verdict.WARN if found.exceeds else Verdict.PASS, reason)


def day_performance(label: pd.Series, score: pd.Series) -> DayPerformance:
    """Compute the figures of one day; the AUC is None where one class only occurred."""
    from sklearn.metrics import log_loss, roc_auc_score

    both = label.nunique() > 1
    return DayPerformance(
        rows=len(label),
        log_loss=round(float(log_loss(label, np.asarray(score), labels=[0, 1])), 6),
        roc_auc=round(float(roc_auc_score(label, score)), 6) if both else None,
    )
