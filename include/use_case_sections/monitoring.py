"""The section `monitoring`: what is watched after scoring."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from include.use_case_sections.base import Alpha, Section, Share
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
    exchangeable: bool = Field(
        False, description="rows of all days come from one distribution: judge by the two-sample rule"
    )
    sample_alpha: Alpha = Field(0.01, description="false alarms of the two-sample rule")
    sample_rows: int = Field(2000, ge=50, description="rows at most of each side of the two-sample rule")


class Performance(Section):
    """Loss on the labels that have arrived, against the champion's loss on its holdout."""

    window_days: int = Field(28, ge=2, description="newest days with labels that are looked at")
    min_days: int = Field(4, ge=2)
    margin: float = Field(0.02, ge=0, description="log loss that does not matter")
    alpha: Alpha = Field(0.05, description="false alarms of the bound, over a champion's whole life")
    allowance: float = Field(
        0.25, gt=0, description="rise a day that does not matter, in standard deviations of a day"
    )
    decay_limit: float = Field(10.0, gt=0, description="sum of such rises that alarms (CUSUM)")


class Concept(Section):
    """Loss at fixed inputs: whether the same scores turn out otherwise than on the holdout."""

    margin: float = Field(0.02, ge=0, description="log loss that does not matter")
    alpha: Alpha = 0.01


class Quality(Section):
    """What may be wrong with the rows that were scored."""

    max_null_rise: Share = Field(0.05, description="rise of a feature's null share over the reference's")
    max_unseen_share: Share = Field(0.02, description="rows with a category that the reference lacks")
    max_misdated_share: Share = Field(0.01, description="rows whose event time lies outside their date")
    alpha: Alpha = 0.01


class Monitoring(Section):
    """What is watched after scoring."""

    drift: Drift = Drift()
    performance: Performance = Performance()
    concept: Concept = Concept()
    quality: Quality = Quality()
    retraining: Retraining = Retraining()
    reference_rows: int = Field(
        2000, ge=100, description="rows of the training set kept with the model, for reports"
    )
    known_days: list[date] = Field(
        default_factory=list, description="days unlike others, such as holidays; drift leaves them out"
    )
    slices: list[str] = Field(
        default_factory=list, description="features by whose values performance is shown separately"
    )
    report: bool = Field(True, description="write Evidently's HTML report for every partition")
