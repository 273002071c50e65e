"""The evidence of an evaluation: figures small enough for the ledger, and enough to apply every rule again.

A figure says what was measured and not what was asked of it, so that other limits can be tried on it later.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from include.stats.bounds import Estimated

# JSON knows no NaN: the ledger keeps null in its place.
Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
ChampionState = Literal["none", "compared", "newer", "incompatible"]


class Figures(BaseModel):
    """Base of all evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(Figures):
    """One value with its standard error; rows of one day count as dependent."""

    kind: Literal["estimate"] = "estimate"
    value: Number
    standard_error: Number
    degrees_of_freedom: Number
    higher_is_better: bool = True

    @property
    def bounds(self) -> Estimated:
        return Estimated(self.value, self.standard_error, self.degrees_of_freedom)


class Difference(Figures):
    """A metric of the candidate beside that of another model on the same rows.

    Attributes:
        standard_error: of candidate - other, from the pairs.
    """

    kind: Literal["difference"] = "difference"
    candidate: Number
    other: Number
    standard_error: Number
    degrees_of_freedom: Number
    higher_is_better: bool = True

    @property
    def gain(self) -> Estimated:
        """By how much the candidate is better; negative where it is worse."""
        sign = 1 if self.higher_is_better else -1
        gain = sign * (self.candidate - self.other)
        return Estimated(gain, self.standard_error, self.degrees_of_freedom)


class Slice(Figures):
    """A part of the rows, beside the other side of the rule: the rest of them, or the champion."""

    name: str
    rows: int
    searched: bool
    difference: Difference


class Slices(Figures):
    """The slices that were looked at.

    Attributes:
        looked_at: number of slices that were large enough, whether kept here or not.
        worst: all declared ones, and the worst of those that were searched.
        unmeasured: declared slices of which nothing can be said, with the reason.
    """

    kind: Literal["slices"] = "slices"
    looked_at: int
    worst: list[Slice]
    unmeasured: dict[str, str] = {}


class GroupCounts(Figures):
    """Rows that count for a measure of fairness, and those of them that are acted on, by day."""

    counted: list[int]
    acted: list[int]


class Groups(Figures):
    """Groups of a protected attribute.

    Attributes:
        difference: the largest difference of the groups' rates, as fairlearn computes it.
        counts: by group; the days are in the same order everywhere.
    """

    kind: Literal["groups"] = "groups"
    difference: Number
    counts: dict[str, GroupCounts]


class Bin(Figures):
    """Rows of similar scores."""

    rows: int
    mean_score: float
    share: float


class Calibration(Figures):
    """How far scores lie from what happened.

    Attributes:
        squared_error: mean square of the gaps, without what chance adds; it may be below zero.
        slope: of the outcome's log odds on those of the score.
    """

    kind: Literal["calibration"] = "calibration"
    squared_error: Estimate
    slope: Estimate
    bins: list[Bin]


class DayMetrics(Figures):
    """One metric by day.

    Attributes:
        values: None where the day does not allow the metric.
    """

    kind: Literal["days"] = "days"
    whole: Number
    higher_is_better: bool
    rows: dict[str, int]
    values: dict[str, float | None]


class Answers(Figures):
    """Scores of golden inputs, by the case's name."""

    kind: Literal["answers"] = "answers"
    scores: dict[str, Number]


class Moves(Figures):
    """How scores moved under a change of the input.

    Attributes:
        against: rows that moved against the expectation by more than the tolerance.
        largest: the largest move against it.
    """

    kind: Literal["moves"] = "moves"
    rows: int
    against: int
    largest: Number


class Budget(Figures):
    """What the saved model takes; None where it was not measured."""

    kind: Literal["budget"] = "budget"
    model_mb: float | None = None
    one_ms: float | None = None
    bulk_s: float | None = None
    memory_mb: float | None = None


class Worth(Figures):
    """Mean value of a row under the candidate, and by how much it exceeds that under the champion."""

    kind: Literal["worth"] = "worth"
    per_row: Estimate
    over_champion: Estimate | None = None


class State(Figures):
    """What is in order beside the figures."""

    kind: Literal["state"] = "state"
    owner: str
    card_missing: list[str]
    data_age_days: int
    window_days: int
    missing_days: int


class Unmeasured(Figures):
    """Why there is no figure."""

    kind: Literal["unmeasured"] = "unmeasured"
    reason: str


Figure = Annotated[
    Estimate
    | Difference
    | Slices
    | Groups
    | Calibration
    | DayMetrics
    | Answers
    | Moves
    | Budget
    | Worth
    | State
    | Unmeasured,
    Field(discriminator="kind"),
]


class DayLoss(Figures):
    """One day of the holdout.

    Attributes:
        log_loss: mean loss of the day's rows: log loss where the label is a class, else the kind's row loss.
    """

    rows: int
    log_loss: float


class EvaluationEvidence(Figures):
    """Figures of a candidate on its holdout.

    Attributes:
        problem: kind of the problem.
        positives: rows whose label is 1; None where the problem is not binary.
        days: days with rows.
        judged_days: days that hold the rarer class, the units of every error; None in evidence from before
            it was kept, of which nothing is told about further days.
        judgeable: whether the labels vary on enough days for any error to be estimated.
        learned_days: days of the holdout that the run also learned from; there must be none.
        earlier_candidates: other runs that were compared with a champion on some of these days before.
        figures: by what they measure, see `include.evaluation.rules`.
        day_losses: by day; monitoring compares the live loss with them.
    """

    kind: Literal["evaluation"] = "evaluation"
    run_id: str
    problem: str = "binary"
    rows: int
    positives: int | None = None
    days: int
    judged_days: int | None = None
    judgeable: bool = True
    learned_days: list[str] = []
    metrics: dict[str, Number] = {}
    champion_state: ChampionState = "none"
    champion_version: str = ""
    earlier_candidates: int = 0
    figures: dict[str, Figure] = {}
    day_losses: dict[str, DayLoss] = {}
