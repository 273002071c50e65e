"""The sections of a `use_case.yaml`: frozen, closed, with a default for every threshold that has a right one.

Durations are days and thresholds are shares between 0 and 1 unless a name says otherwise.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from include.decisions import Mode
from include.storage import checked_key

Share = Annotated[float, Field(ge=0, le=1)]
Alpha = Annotated[float, Field(gt=0, lt=0.5)]
Days = Annotated[int, Field(ge=0, le=3660)]
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
Identifier = Annotated[str, Field(pattern=NAME_PATTERN)]
Severity = Literal["refuse", "warn"]
METRICS = ("roc_auc", "average_precision", "log_loss", "brier")
Metric = Literal["roc_auc", "average_precision", "log_loss", "brier"]


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; use an IANA name such as America/New_York") from error
    return name


def _path_template(path: str) -> str:
    if "{partition}" not in path:
        raise ValueError(f"{path!r} names one file for all dates; put {{partition}} where the date belongs")
    try:
        return checked_key(path) and path
    except Exception as error:
        raise ValueError(str(error)) from error


PathTemplate = Annotated[str, AfterValidator(_path_template)]


class Section(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Problem(Section):
    """What is predicted, for one row of the table."""

    kind: Literal["binary"]
    question: str
    key: list[str] = Field(min_length=1, description="columns that together name one row")


class Column(Section):
    """What one column of a batch must satisfy."""

    type: Literal["integer", "number", "string", "boolean", "timestamp"]
    max_null_share: Share = 0.0
    min: float | None = None
    max: float | None = None
    categories: list[str] | None = None
    severity: Severity = "refuse"

    @model_validator(mode="after")
    def _ordered(self) -> Column:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}; swap them")
        return self


class Volume(Section):
    """How many rows a batch may have, and how many values some of its columns.

    The absolute limits always hold. With four same weekdays of history, a count may not differ from their
    median by more than `max_ratio` in either direction. With enough history, the deviation is also ranked
    among those of the past batches, as a conformal p-value.
    """

    min_rows: int = Field(1, ge=1)
    max_rows: int = Field(100_000_000, ge=1)
    values_of: list[str] = Field(default_factory=list, description="columns whose values are counted as well")
    max_ratio: float = Field(2.0, gt=1)
    same_weekdays: int = Field(4, ge=2)
    history: int = Field(100, ge=20)
    min_history: int = Field(20, ge=10, description="earlier deviations needed before a rank means anything")
    alpha: Alpha = 0.01
    severity: Severity = "refuse"


class Contract(Section):
    """What a batch must satisfy before anything is published."""

    columns: dict[str, Column] = Field(min_length=1)
    extra_columns: Literal["refuse", "warn", "drop"] = "refuse"
    unique: list[str] = Field(default_factory=list, description="columns whose combination may appear once")
    volume: Volume = Volume()
    max_off_date_share: Share = Field(0.0, description="share of rows that may speak of another date")
    alpha: Alpha = Field(0.01, description="false-refusal rate of all share rules of a batch together")
    mode: Mode = "fail_closed"

    @model_validator(mode="after")
    def _named_columns_exist(self) -> Contract:
        for place, columns in {"unique": self.unique, "volume.values_of": self.volume.values_of}.items():
            if unknown := set(columns) - set(self.columns):
                raise ValueError(f"{place} names {sorted(unknown)}, which columns does not declare")
        return self


class SideTable(Section):
    """A second table that lands beside the batch, for example the weather."""

    path: PathTemplate
    contract: Contract


class Source(Section):
    """Where the batches come from."""

    kind: Literal["parquet"]
    path: PathTemplate
    event_time: str = Field(description="column with the time of the event, ISO 8601 with its offset")
    timezone: Annotated[str, AfterValidator(_timezone)]
    start_date: date
    end_date: date | None = Field(None, description="last data date, when the data has ended")
    schedule: str = "0 0 * * *"
    max_file_bytes: int = Field(1_000_000_000, ge=1)
    side_tables: dict[Identifier, SideTable] = Field(default_factory=dict)


class ThresholdLabel(Section):
    """The label is true where a column lies above a limit, and missing where the column is."""

    kind: Literal["threshold"]
    column: str
    above: float
    delay_days: Days = Field(1, description="days after the data date until the label is known")
    post_outcome_columns: list[str] = Field(
        description="columns known only after the outcome; never features"
    )


class ColumnLabel(Section):
    """The label stands in a column of the batch as 0/1 or true/false."""

    kind: Literal["column"]
    column: str
    delay_days: Days = 1
    post_outcome_columns: list[str] = Field(default_factory=list)


Labels = Annotated[ThresholdLabel | ColumnLabel, Field(discriminator="kind")]


class Features(Section):
    """How features are checked; their definitions stand in `features.py` beside the YAML."""

    max_null_share: Share = 0.5
    mode: Mode = "fail_closed"


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


class FloorGate(Section):
    """The metric's lower confidence bound on the holdout must reach a floor."""

    kind: Literal["floor"]
    metric: Literal["roc_auc"] = "roc_auc"
    min: float
    alpha: Alpha = 0.05


class BaselineGate(Section):
    """The candidate must beat the simple baseline that was trained on the same rows.

    With a margin above 0 it is enough that the candidate is shown to be worse by less than the margin.
    """

    kind: Literal["baseline"]
    metric: Literal["roc_auc"] = "roc_auc"
    margin: float = Field(0.0, ge=0)
    alpha: Alpha = 0.05


class ChampionGate(Section):
    """The candidate must not be worse than the champion on the same holdout, by more than the margin."""

    kind: Literal["champion"]
    metric: Literal["roc_auc"] = "roc_auc"
    margin: float = Field(0.01, ge=0)
    alpha: Alpha = 0.05


EvaluationGate = Annotated[FloorGate | BaselineGate | ChampionGate, Field(discriminator="kind")]


def _usual_gates() -> list[EvaluationGate]:
    return [FloorGate(kind="floor", min=0.55), BaselineGate(kind="baseline"), ChampionGate(kind="champion")]


class Evaluation(Section):
    """The rules that a candidate must pass, all of them."""

    gates: list[EvaluationGate] = Field(default_factory=_usual_gates, min_length=1)
    min_rows: int = Field(500, ge=2, description="labelled holdout rows; below it the verdict is undecided")
    mode: Mode = "fail_closed"


class Promotion(Section):
    """When a candidate may become the champion."""

    mode: Literal["fail_closed"] = "fail_closed"


class Drift(Section):
    """Drift magnitude of a partition, ranked in the stream's own history (conformal)."""

    trailing_days: int = Field(28, ge=7, description="days that a partition is compared with")
    gap_days: int = Field(7, ge=0, description="newest days left out of comparison and ranking")
    min_history: int = Field(20, ge=10)
    max_history: int = Field(50, ge=10)
    alpha: Alpha = Field(1 / 21, description="share of ordinary partitions that may be marked")


class Performance(Section):
    """Loss on the labels that have arrived, against the champion's loss on its holdout."""

    window_days: int = Field(7, ge=2)
    min_days: int = Field(4, ge=2)
    margin: float = Field(0.02, ge=0, description="log loss that does not matter")
    alpha: Alpha = 0.01


class Retraining(Section):
    """When monitoring may order a training."""

    violations: int = Field(
        3, ge=1, description="so many of the last partitions must be marked, the newest too"
    )
    of_last: int = Field(7, ge=1)
    cool_down_days: int = Field(7, ge=0, description="data days after the champion's as-of")
    max_orders_per_30_days: int = Field(2, ge=0)

    @model_validator(mode="after")
    def _reachable(self) -> Retraining:
        if self.violations > self.of_last:
            raise ValueError(
                f"violations {self.violations} can never be reached among of_last {self.of_last}"
            )
        return self


class Monitoring(Section):
    """What is watched after scoring."""

    drift: Drift = Drift()
    performance: Performance = Performance()
    retraining: Retraining = Retraining()
    reference_rows: int = Field(
        2000, ge=100, description="rows of the training set kept with the model, for reports"
    )
    report: bool = Field(True, description="write Evidently's HTML report for every partition")
