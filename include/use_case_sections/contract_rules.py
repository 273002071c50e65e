"""Rules of a contract that speak of more than one column, of other days or of other tables."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.decisions import Mode
from include.storage import checked_key
from include.use_case_sections.base import Alpha, Days, Identifier, Section, Severity, Share, TableSeverity


class RulePolicy(Section):
    """What one rule does when it is broken, in place of what its column or section says."""

    severity: Severity | None = Field(None, description="refuse, quarantine (set its rows aside) or warn")
    mode: Mode | None = Field(
        None, description="fail_open: a refusal by this rule is let through, and the decision says so"
    )


class Trailing(Section):
    """The days whose profiles learned rules look back on; with fewer than `min_days` nothing is judged."""

    days: int = Field(28, ge=1, le=366)
    min_days: int = Field(7, ge=1)


class TrailingRange(Section):
    """A range learned from the trailing days: their smallest and largest value, widened on both sides."""

    widen: float = Field(0.5, ge=0, description="by so many times the distance between the two")
    max_share: Share = Field(0.0, description="share of values that may lie outside")


class Replayed(Section):
    """Keys (the columns of `unique`) that stand in one of the last days' batches already."""

    days: int = Field(7, ge=1, le=366)
    max_share: Share = 0.0
    severity: Severity = "refuse"


class Freshness(Section):
    """How long before the end of its day a batch may fall silent: a half-loaded day ends early."""

    max_silent_hours: float = Field(gt=0, le=24)
    severity: TableSeverity = "refuse"


class Comparison(Section):
    """Two columns of a row compared. A row with a null in either is not judged."""

    kind: Literal["compare"]
    left: str
    op: Literal["<", "<=", "==", "!=", ">=", ">"]
    right: str
    max_share: Share = 0.0
    severity: Severity = "refuse"

    @property
    def name(self) -> str:
        """Name of the rule in decisions."""
        return f"{self.left}{self.op}{self.right}"

    @property
    def columns(self) -> list[str]:
        """Columns that the rule reads."""
        return [self.left, self.right]


class ImpliesNull(Section):
    """Where one column is null, others must be null too: a flight that never left has no arrival."""

    kind: Literal["implies_null"]
    when: str
    then: list[str] = Field(min_length=1)
    max_share: Share = 0.0
    severity: Severity = "refuse"

    @property
    def name(self) -> str:
        """Name of the rule in decisions."""
        return f"{self.when}:null->{','.join(self.then)}:null"

    @property
    def columns(self) -> list[str]:
        """Columns that the rule reads."""
        return [self.when, *self.then]


RowRule = Annotated[Comparison | ImpliesNull, Field(discriminator="kind")]


class Reference(Section):
    """Values that must stand in a second table. A row with a null in one of the columns is not judged."""

    columns: list[str] = Field(min_length=1)
    table: Identifier | None = Field(None, description="a side table of the same partition")
    file: str | None = Field(
        None,
        description="or a Parquet file of the landing folder that is not by the day, e.g. airports.parquet",
    )
    to: list[str] = Field(min_length=1, description="columns there, in the same order")
    max_missing_share: Share = 0.0
    severity: Severity = "refuse"

    @property
    def name(self) -> str:
        """Name of the rule in decisions."""
        return f"{','.join(self.columns)}.in.{self.table or self.file}"

    @model_validator(mode="after")
    def _one_target(self) -> Reference:
        if (self.table is None) == (self.file is None):
            raise ValueError("give either table (a side table) or file (of the landing folder)")
        if len(self.columns) != len(self.to):
            raise ValueError(f"{len(self.columns)} columns refer to {len(self.to)}; pair each with one")
        if self.file is not None:
            checked_key(self.file)
        return self


class DoorDrift(Section):
    """The batch's profile against the trailing days', ranked among how far days here usually lie."""

    columns: list[str] | None = Field(None, description="columns that are compared; None compares all")
    trailing_days: int = Field(28, ge=7)
    gap_days: Days = Field(7, description="newest days left out, so that a change that stays hides nothing")
    min_history: int = Field(20, ge=10, description="ranked days without which nothing is said")
    max_history: int = Field(50, ge=20)
    comparable: Literal["workdays_apart", "same_weekday", "all_days"] = Field(
        "workdays_apart", description="days that a day is compared with: those of its kind, or all"
    )
    alpha: Alpha = Field(1 / 21, description="share of ordinary days that may be named")
    severity: TableSeverity = "warn"
