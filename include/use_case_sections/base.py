"""What all sections share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Alpha = Annotated[float, Field(gt=0, lt=0.5)]
Days = Annotated[int, Field(ge=0, le=3660)]
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
Identifier = Annotated[str, Field(pattern=NAME_PATTERN)]
Severity = Literal["refuse", "quarantine", "warn"]
TableSeverity = Literal["refuse", "warn"]  # of rules about a whole table, which no row breaks
METRICS = ("roc_auc", "average_precision", "log_loss", "brier")
Metric = Literal["roc_auc", "average_precision", "log_loss", "brier"]


class Section(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)
