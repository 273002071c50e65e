"""The section `contract`: what a batch must satisfy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from include.decisions import Mode
from include.use_case_sections.base import Alpha, Section, Severity, Share, TableSeverity
from include.use_case_sections.privacy import Drop, Generalise, Hash, Mask, Pii


class Column(Section):
    """What one column of a batch must satisfy."""

    type: Literal["integer", "number", "string", "boolean", "timestamp"]
    max_null_share: Share = 0.0
    min: float | None = None
    max: float | None = None
    categories: list[str] | None = None
    severity: Severity = "refuse"
    pii: Pii | None = Field(None, description="personal data, and what is done to it before it is written")

    @model_validator(mode="after")
    def _rules_speak_of_what_is_kept(self) -> Column:
        if self.pii is None:
            return self
        if isinstance(self.pii, Generalise):
            fitting = {"timestamp": self.pii.to, "string": self.pii.keep}.get(self.type, self.pii.step)
            if fitting is None or self.type == "boolean":
                raise ValueError(
                    f"a {self.type} is generalised otherwise: a timestamp `to`, a number by `step`, "
                    "a text by `keep`"
                )
        elif self.min is not None or self.max is not None or self.categories is not None:
            raise ValueError(
                f"rules see what is kept, and of a column with method {self.pii.method} no value is; "
                "remove min, max and categories"
            )
        return self

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
    severity: TableSeverity = "refuse"


class Contract(Section):
    """What a batch must satisfy before anything is published."""

    columns: dict[str, Column] = Field(min_length=1)
    extra_columns: Literal["refuse", "warn", "drop"] = "refuse"
    unique: list[str] = Field(default_factory=list, description="columns whose combination may appear once")
    volume: Volume = Volume()
    max_off_date_share: Share = Field(0.0, description="share of rows that may speak of another date")
    alpha: Alpha = Field(0.01, description="false-refusal rate of all share rules of a batch together")
    mode: Mode = "fail_closed"

    @property
    def kept(self) -> Contract:
        """The contract of what is written: without dropped columns, and with text where masking leaves text.

        Rules are applied to these rows. Presence and type are checked before, in clear.
        """
        columns: dict[str, Column] = {}
        for name, column in self.columns.items():
            if isinstance(column.pii, Drop):
                continue
            text = isinstance(column.pii, Mask | Hash)
            columns[name] = column.model_copy(update={"type": "string"}) if text else column
        return self.model_copy(update={"columns": columns})

    @model_validator(mode="after")
    def _named_columns_exist(self) -> Contract:
        for place, columns in {"unique": self.unique, "volume.values_of": self.volume.values_of}.items():
            if unknown := set(columns) - set(self.columns):
                raise ValueError(f"{place} names {sorted(unknown)}, which columns does not declare")
        return self
