"""Rules of the section `evaluation` beyond the comparisons: what else a good figure may hide."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.use_case_sections.base import Alpha, Section, Severity, Share
from include.use_case_sections.metrics import HoldoutMetric

Value = float | int | str | bool


class Rule(Section):
    """What all rules of an evaluation share."""

    severity: Severity = Field("refuse", description="`warn`: a broken rule is told, and shuts no door")


class SlicesGate(Rule):
    """No part of the rows may be served much worse than the rest, or worse than the champion serves it.

    Every value of the columns named in `by` is a slice. The search adds every value of every category feature
    and every quarter of every number; the error rate is shared among all slices that were looked at.
    """

    kind: Literal["slices"]
    metric: HoldoutMetric | None = Field(None, description="left out, the primary one of the problem")
    by: list[str] = Field(default_factory=list, description="features or columns of the batch")
    search: bool = Field(True, description="also look for the worst slice among all features")
    against: Literal["rest", "champion"] = "rest"
    max_drop: float = Field(
        0.1, ge=0, description="in units of the metric; for losses and errors, a share of the other side's"
    )
    min_rows: int = Field(200, ge=20, description="smaller slices are not judged")
    alpha: Alpha = Field(0.05, description="for all slices together")


class FairnessGate(Rule):
    """Groups of a protected attribute must be treated alike, up to a limit.

    `demographic_parity` compares the shares of rows that are acted on, `equal_opportunity` the same among
    rows whose label is 1. Shown to differ by more than the limit is a refusal; shown to differ by less
    passes; in between `unclear` decides.
    """

    kind: Literal["fairness"]
    attribute: str = Field(description="a feature, or a column of the batch that no feature reads")
    measure: Literal["demographic_parity", "equal_opportunity"] = "demographic_parity"
    threshold: Share = Field(0.5, description="a score from here on is acted on")
    max_difference: Share = 0.1
    min_rows: int = Field(50, ge=10, description="smaller groups are not judged")
    unclear: Literal["pass", "warn", "undecided"] = "warn"
    alpha: Alpha = Field(0.05, description="for all pairs of groups together")
    resamples: int = Field(500, ge=100, le=10_000, description="draws of whole days")


class CalibrationGate(Rule):
    """Predicted probabilities must be what happens, up to a limit. Binary problems only."""

    kind: Literal["calibration"]
    max_error: Share = Field(0.05, description="root mean square gap between predicted and observed share")
    min_slope: float = Field(0.5, description="of outcome on log odds; below 1 the model is overconfident")
    max_slope: float = Field(2.0, description="above 1 the model is too timid")
    bins: int = Field(10, ge=2, le=50, description="bins of equally many rows")
    alpha: Alpha = 0.05

    @model_validator(mode="after")
    def _ordered(self) -> CalibrationGate:
        if self.min_slope >= self.max_slope:
            raise ValueError(f"min_slope {self.min_slope} is not below max_slope {self.max_slope}")
        return self


class StabilityGate(Rule):
    """The days of the holdout must not differ too much among each other."""

    kind: Literal["stability"]
    metric: HoldoutMetric | None = Field(None, description="left out, the primary one of the problem")
    max_drop: float = Field(
        0.15, ge=0, description="a day worse than the holdout by more is a bad day; for losses, a share"
    )
    max_bad_share: Share = Field(0.3, description="share of the days that may be bad")
    min_rows: int = Field(50, ge=2, description="days with fewer rows are not judged")


class GoldenCase(Section):
    """One input whose answer people agree on; features that are left out are missing values."""

    name: str = Field(min_length=1, max_length=100)
    inputs: dict[str, Value] = Field(min_length=1)
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> GoldenCase:
        if self.min is None and self.max is None:
            raise ValueError(f"case {self.name!r} has neither min nor max; say what its score must keep")
        return self


class GoldenGate(Rule):
    """Known inputs must have known answers."""

    kind: Literal["golden"]
    cases: list[GoldenCase] = Field(min_length=1)


class Shift(Section):
    """Add to a number."""

    kind: Literal["shift"]
    by: float


class Replace(Section):
    """Put one value in place of all."""

    kind: Literal["replace"]
    value: Value


class Shuffle(Section):
    """Mix the values among the rows."""

    kind: Literal["shuffle"]


Change = Annotated[Shift | Replace | Shuffle, Field(discriminator="kind")]


class InvarianceGate(Rule):
    """A change of one feature must move the score as people expect: not at all, or in one direction only."""

    kind: Literal["invariance"]
    feature: str
    change: Change
    expect: Literal["same", "not_lower", "not_higher"] = "same"
    tolerance: float = Field(0.01, ge=0, description="a move against the expectation that does not matter")
    max_share: Share = Field(0.0, description="share of rows that may move against the expectation")
    rows: int = Field(500, ge=10, le=100_000, description="holdout rows that are tried")


class BudgetGate(Rule):
    """The saved model must be small and fast enough. A limit without a measurement refuses."""

    kind: Literal["budget"]
    max_model_mb: float | None = Field(50.0, gt=0, description="size of the stored files")
    max_one_ms: float | None = Field(None, gt=0, description="median time of one row, in a fresh process")
    max_bulk_s: float | None = Field(None, gt=0, description="time of 10,000 rows, in a fresh process")
    max_memory_mb: float | None = Field(None, gt=0, description="peak memory of that process")


class CostMatrix(Section):
    """What one row is worth by what is done and what happens; costs are negative."""

    kind: Literal["matrix"]
    true_positive: float = 0.0
    false_positive: float = 0.0
    true_negative: float = 0.0
    false_negative: float = 0.0
    threshold: Share = Field(0.5, description="a score from here on is acted on")


class ValueFunction(Section):
    """A function of label and score that returns what each row is worth."""

    kind: Literal["function"]
    function: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="`module:function`, arrays in, array out"
    )


class ValueGate(Rule):
    """The model must be worth more than doing nothing, and no less than the champion."""

    kind: Literal["value"]
    value: Annotated[CostMatrix | ValueFunction, Field(discriminator="kind")]
    unit: str = ""
    min_per_row: float = Field(0.0, description="the lower bound of the mean value of a row must reach it")
    champion_margin: float | None = Field(
        None, ge=0, description="value per row that the candidate may lose against the champion"
    )
    alpha: Alpha = 0.05


class ConditionsGate(Rule):
    """What must be in order beside the figures."""

    kind: Literal["conditions"]
    model_card: bool = Field(True, description="the section `card` answers every question of a model card")
    owner: bool = Field(True, description="the use case names who answers for it")
    max_data_age_days: int | None = Field(
        14, ge=1, description="days between the newest row of the run and its as-of"
    )
    max_missing_share: Share = Field(0.5, description="share of the window's days without a usable row")
