"""The section `training`: what is learned from, and what is fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.use_case_sections.base import Days, Section


class GradientBoosting(Section):
    """scikit-learn's HistGradientBoostingClassifier."""

    kind: Literal["gradient_boosting"]
    max_iter: int = Field(150, ge=1)
    learning_rate: float = Field(0.06, gt=0, le=1)
    max_leaf_nodes: int = Field(31, ge=2)
    min_samples_leaf: int = Field(40, ge=1)
    l2_regularization: float = Field(1.0, ge=0)


class LogisticRegression(Section):
    """scikit-learn's LogisticRegression on scaled numbers and one-hot categories."""

    kind: Literal["logistic_regression"]
    c: float = Field(1.0, gt=0)
    max_iter: int = Field(300, ge=1)


Model = Annotated[GradientBoosting | LogisticRegression, Field(discriminator="kind")]


class Training(Section):
    """Which days are learned from, which are held out, and what is fitted."""

    schedule: str = "0 6 * * 1"
    window_days: int = Field(56, ge=2, description="days before the as-of that may be used, holdout included")
    holdout_days: int = Field(7, ge=1, description="newest days, kept for evaluation")
    embargo_days: Days = Field(0, description="days left out between training and holdout")
    min_training_partitions: int = Field(7, ge=1)
    min_holdout_partitions: int = Field(4, ge=2)
    max_single_feature_auc: float = Field(
        0.95, gt=0.5, le=1, description="above it a feature looks like a leak"
    )
    seed: int = 20130101
    model: Model = GradientBoosting(kind="gradient_boosting")
    baseline: Model = LogisticRegression(kind="logistic_regression")
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
