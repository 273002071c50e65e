"""The section `labels`: what the outcome is and when it is known."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from include.use_case_sections.base import Days, Section


class ThresholdLabel(Section):
    """The label is true where a column lies above a limit, and missing where the column is; binary only."""

    kind: Literal["threshold"]
    column: str
    above: float
    delay_days: Days = Field(1, description="days after the data date until the label is known")
    post_outcome_columns: list[str] = Field(
        description="columns known only after the outcome; never features"
    )


class ColumnLabel(Section):
    """The label stands in a column of the batch, as the problem's kind has it: 0/1, a class, or a number."""

    kind: Literal["column"]
    column: str
    delay_days: Days = 1
    post_outcome_columns: list[str] = Field(default_factory=list)


Labels = Annotated[ThresholdLabel | ColumnLabel, Field(discriminator="kind")]
