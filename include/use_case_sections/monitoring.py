"""The section `monitoring`: what is watched after scoring."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from include.use_case_sections.base import Alpha, Section
from include.use_case_sections.retraining import Retraining


class Drift(Section):
    """Drift magnitude of a partition, ranked in the stream's own history (conformal)."""

    trailing_days: int = Field(28, ge=7, description="days that a partition is compared with")
    gap_days: int = Field(7, ge=0, description="newest days left out of comparison and ranking")
    min_history: int = Field(20, ge=10)
    max_history: int = Field(90, ge=10)
    comparable: Literal["workdays_apart", "same_weekday", "all_days"] = Field(
        "workdays_apart", description="days that a day is compared with: those of its kind, or all"
    )
    alpha: Alpha = Field(1 / 21, description="share of ordinary partitions that may be marked")


class Performance(Section):
    """Loss on the labels that have arrived, against the champion's loss on its holdout."""

    window_days: int = Field(7, ge=2)
    min_days: int = Field(4, ge=2)
    margin: float = Field(0.02, ge=0, description="log loss that does not matter")
    alpha: Alpha = 0.01


class Monitoring(Section):
    """What is watched after scoring."""

    drift: Drift = Drift()
    performance: Performance = Performance()
    retraining: Retraining = Retraining()
    reference_rows: int = Field(
        2000, ge=100, description="rows of the training set kept with the model, for reports"
    )
    report: bool = Field(True, description="write Evidently's HTML report for every partition")
