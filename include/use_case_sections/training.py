"""The section `training`: what is learned from, and what is fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.use_case_sections.base import Days, Section
from include.use_case_sections.models import LinearModel, Model, default_model, tunable


class RecencyWeights(Section):
    """Rows count the less the older they are: one half after each half-life."""

    kind: Literal["recency"]
    half_life_days: int = Field(ge=1)


class FeatureWeights(Section):
    """Rows count as much as a feature says; the feature itself is not learned from."""

    kind: Literal["feature"]
    name: str = Field(description="a feature of kind number, 0 or more; a missing value counts 0")


SampleWeights = Annotated[RecencyWeights | FeatureWeights, Field(discriminator="kind")]


class Range(Section):
    """Values that a search may try for one setting of the model: `choices`, or from `low` to `high`."""

    low: float | None = None
    high: float | None = None
    log: bool = Field(False, description="search by ratios instead of differences")
    choices: list[int | float | str | None] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Range:
        if self.choices and (self.low, self.high) == (None, None):
            return self
        if self.choices or self.low is None or self.high is None:
            raise ValueError("give either choices, or low and high")
        if not self.low < self.high:
            raise ValueError(f"low {self.low} must lie below high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low} must be above 0 for a search by ratios")
        return self


class Search(Section):
    """Search for the model's settings, cross-validated forward in time, within a budget."""

    trials: int = Field(20, ge=1, le=1000)
    seconds: int = Field(300, ge=1, description="no new trial begins later; the first always ends")
    folds: int = Field(3, ge=2, le=20, description="each learns from all days before the days that judge it")
    space: dict[str, Range] = Field(min_length=1, description="settings of the model, by name")


class Training(Section):
    """Which days are learned from, which are held out, and what is fitted."""

    schedule: str = "0 6 * * 1"
    window_days: int = Field(56, ge=2, description="days before the as-of that may be used, holdout included")
    holdout_days: int = Field(
        14, ge=1, description="newest days, kept for evaluation; in seven, small gains are seldom shown"
    )
    embargo_days: Days = Field(0, description="days left out between training and holdout")
    min_training_partitions: int = Field(7, ge=1)
    min_holdout_partitions: int = Field(4, ge=2)
    max_single_feature_auc: float = Field(
        0.95, gt=0.5, le=1, description="above it a feature looks like a leak; of classes"
    )
    max_joint_auc: float = Field(
        0.99, gt=0.5, le=1, description="above it the features together look like a leak; of classes"
    )
    max_single_feature_correlation: float = Field(
        0.98, gt=0, le=1, description="the same of a feature, by rank correlation; of numbers"
    )
    max_joint_correlation: float = Field(
        0.995, gt=0, le=1, description="the same of the features together; of numbers"
    )
    disjoint_entities: list[str] = Field(
        default_factory=list,
        description="columns whose values must not be in training and holdout both, such as a patient",
    )
    seed: int = 20130101
    model: Model = Field(default_factory=default_model)
    baseline: Model = LinearModel(kind="linear")
    sample_weights: SampleWeights | None = None
    search: Search | None = None
    report: Literal["full", "light", "none"] = Field(
        "light", description="plots and the HTML report; full adds learning curve and SHAP, which take time"
    )
    fresh_process: bool = Field(
        True, description="test the saved model in one more process, started for it; 2 s of CPU"
    )
    mode: Literal["fail_closed"] = "fail_closed"

    @model_validator(mode="after")
    def _window_holds_both(self) -> Training:
        needed = self.holdout_days + self.embargo_days + self.min_training_partitions
        if needed > self.window_days:
            raise ValueError(
                f"window_days {self.window_days} cannot hold holdout, embargo and min_training_partitions "
                f"({needed} days); make the window longer"
            )
        return self

    @model_validator(mode="after")
    def _search_tries_what_the_model_has(self) -> Training:
        if self.search and (unknown := set(self.search.space) - (known := tunable(self.model))):
            raise ValueError(
                f"search.space names {sorted(unknown)}, which a {self.model.kind} model does not have; "
                f"it has {sorted(known)}"
            )
        return self
