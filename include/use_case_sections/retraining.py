"""The part `monitoring.retraining`: when a training starts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from include.use_case_sections.base import Alpha, Days, Section

Trigger = Literal["drift", "performance", "labels"]


def _usual_triggers() -> list[Trigger]:
    return ["drift", "performance"]


class Retraining(Section):
    """When a training starts. It yields a candidate that must pass every gate; it deploys nothing."""

    triggers: list[Trigger] = Field(
        default_factory=_usual_triggers,
        description="what monitoring may order a training for; an empty list leaves the schedule and people",
    )
    violations: int = Field(
        3, ge=1, description="so many of the last partitions must be marked, the newest too"
    )
    of_last: int = Field(7, ge=1)
    new_labels: int | None = Field(
        None, ge=1, description="labels since the newest training that are a ground for another; null: none"
    )
    new_labels_share: float | None = Field(
        None, gt=0, description="the same as a share of the labels that the newest training learned from"
    )
    cool_down_days: int = Field(7, ge=0, description="data days after the champion's as-of")
    max_orders_per_30_days: int = Field(2, ge=0)
    suspect_days: int = Field(
        3, ge=0, description="newest days whose batches must not be doubtful when a training is ordered"
    )
    max_suspect: int = Field(
        1, ge=0, description="refused batches, and days of bad quality, among them that do not matter"
    )
    schedule: Literal["always", "when_needed"] = Field(
        "always", description="when_needed: a scheduled training starts only on a ground, or when it is due"
    )
    due_days: Days = Field(
        28, description="under when_needed, data days after the newest training; 0: only on a ground"
    )
    outcome_days: int = Field(
        14, ge=2, le=92, description="later days on which an order, or its suppression, is scored"
    )
    outcome_alpha: Alpha = Field(0.05, description="error rate of each side of that comparison")

    @model_validator(mode="after")
    def _reachable(self) -> Retraining:
        if self.violations > self.of_last:
            raise ValueError(
                f"violations {self.violations} can never be reached among of_last {self.of_last}"
            )
        if self.max_suspect > self.suspect_days:
            raise ValueError(
                f"max_suspect {self.max_suspect} can never be exceeded in suspect_days {self.suspect_days}"
            )
        return self
