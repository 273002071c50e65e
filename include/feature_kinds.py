"""The kinds of features that a use case may declare: from the row, joined in time, or from history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from include.errors import UseCaseError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "category"]
Online = Literal["required", "may_be_missing"]
RowFunction = Callable[["pd.DataFrame"], "pd.Series"]
OUTCOME = "label"  # what a history feature names to follow the outcome itself


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What all kinds of features declare.

    Attributes:
        low, high: values outside become null and are counted; None leaves the side open.
        max_null_share: above it the partition is refused; None takes that of the use case's `features`.
        unit: in which alarms speak of it, such as `mph`.
        owner: who answers for it; empty means the owner of the use case.
        online: `may_be_missing` when a request may be answered without it.
    """

    name: str
    kind: Kind
    description: str
    low: float | None = None
    high: float | None = None
    max_null_share: float | None = None
    unit: str = ""
    owner: str = ""
    online: Online = "required"


@dataclass(frozen=True, kw_only=True)
class RowFeature(Declared):
    """A feature computed from the batch's own rows.

    Attributes:
        inputs: columns that the function is given; it sees no other.
        scope: `row` when each value depends on its own row alone; `batch` when the function compares rows of
            one day. A single request has no batch, so such a feature is missing online, and the whole day
            must fit into the memory of one worker.
        engine: `pandas` for a function that holds what cannot be sent to another machine, such as a lock:
            rebuilds then run on this one.
    """

    inputs: tuple[str, ...]
    build: RowFunction
    scope: Literal["row", "batch"] = "row"
    engine: Literal["any", "pandas"] = "any"

    def __post_init__(self) -> None:
        if self.scope == "batch" and self.online != "may_be_missing":
            raise UseCaseError(
                f"Feature {self.name!r} compares rows of one batch (scope='batch'), and a single request has "
                "none: declare online='may_be_missing', or follow the past with features.history()"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the batch that it reads."""
        return self.inputs


@dataclass(frozen=True, kw_only=True)
class JoinedFeature(Declared):
    """The newest value of a side table that was known before the event.

    Attributes:
        table: the side table's name in `source.side_tables`.
        column: the column taken from it.
        by: columns on which both sides must be equal.
        time: the time column of the side table, ISO 8601 with its offset.
        lead_minutes: only values at least so old at the event may be used, as a guard against the future.
        tolerance_minutes: older values count as missing.
        when_missing: what to do with a batch whose side table was not published for its date: build with
            nulls, refuse the partition, or wait for it.
    """

    table: str
    column: str
    by: tuple[str, ...]
    time: str
    lead_minutes: int
    tolerance_minutes: int
    when_missing: Literal["null", "refuse", "wait"] = "null"

    def __post_init__(self) -> None:
        if self.lead_minutes < 0 or self.tolerance_minutes <= 0:
            raise UseCaseError(
                f"Feature {self.name!r} could look into the future: lead_minutes must be at least 0 and "
                f"tolerance_minutes above 0, not {self.lead_minutes} and {self.tolerance_minutes}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the batch that it reads."""
        return self.by


@dataclass(frozen=True, kw_only=True)
class HistoryFeature(Declared):
    """What an entity did on the days before, as far as it was known on the row's own data date.

    A row of data date D sees the rows of D - `window_days` ... D - 1, and of these only what was known by D:
    `known_at` of the row, and for outcomes `known_at` of the label with its delay, no later than D.

    Attributes:
        by: columns of the batch that name the entity; a row with a null among them has no value.
        window_days: data dates that the window holds; the newest is the day before.
        measure: `count` of rows, or `mean` or `sum` of the known values.
        value: a column of the batch, or `label` for the outcome itself; nothing for `count`. A column known
            only after the outcome is known when the label is.
        min_values: with fewer known values in the window the mean or sum is null.
        lead_days: what became known in the last so many days is left out, for data that comes late to
            whoever answers requests.
    """

    by: tuple[str, ...]
    window_days: int
    measure: Literal["count", "mean", "sum"] = "mean"
    value: str = ""
    min_values: int = 1
    lead_days: int = 0

    def __post_init__(self) -> None:
        if self.kind != "number":
            raise UseCaseError(f"Feature {self.name!r} follows the past and is a number, not a {self.kind}")
        if self.window_days < 1 or self.lead_days < 0 or self.min_values < 1:
            raise UseCaseError(
                f"Feature {self.name!r} has no sound window: window_days and min_values must be at least 1 "
                f"and lead_days at least 0, not {self.window_days}, {self.min_values} and {self.lead_days}"
            )
        if not self.by:
            raise UseCaseError(f"Feature {self.name!r} names no entity; list columns of the batch in `by`")
        if (self.measure == "count") == bool(self.value):
            raise UseCaseError(
                f"Feature {self.name!r}: a count has no value, and a {self.measure} needs one; "
                f"value is {self.value!r}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the batch that it reads of its own row."""
        return self.by


Feature = RowFeature | JoinedFeature | HistoryFeature
