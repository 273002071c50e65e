"""The section `evaluation`: the rules that a candidate must pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.decisions import Mode
from include.use_case_sections.base import Alpha, Section
from include.use_case_sections.evaluation_rules import (
    BudgetGate,
    CalibrationGate,
    ConditionsGate,
    FairnessGate,
    GoldenGate,
    InvarianceGate,
    Rule,
    SlicesGate,
    StabilityGate,
    ValueGate,
)
from include.use_case_sections.metrics import USUAL_FLOORS, HoldoutMetric


class FloorGate(Rule):
    """The metric's confidence bound on the holdout must reach a floor, or keep a ceiling.

    Left empty, it asks for a little more than an uninformed model has: AUC 0.55, or an r2 or d2 of 0.
    """

    kind: Literal["floor"]
    metric: HoldoutMetric | None = Field(None, description="left out, the one of the problem's usual floor")
    min: float | None = Field(None, description="for metrics of which more is better")
    max: float | None = Field(None, description="for metrics of which less is better")
    alpha: Alpha = 0.05

    @model_validator(mode="after")
    def _one_limit(self) -> FloorGate:
        limits = [limit for limit in (self.min, self.max) if limit is not None]
        if len(limits) > 1 or (self.metric is not None and not limits):
            raise ValueError("needs exactly one limit: min where more is better, max where less is better")
        return self


class BaselineGate(Rule):
    """The candidate must beat the simple baseline that was trained on the same rows.

    With a margin above 0 it is enough that the candidate is shown to be worse by less than the margin.
    """

    kind: Literal["baseline"]
    metric: HoldoutMetric | None = Field(None, description="left out, the primary one of the problem")
    margin: float = Field(
        0.0, ge=0, description="in units of the metric; for losses and errors, a share of the baseline's"
    )
    alpha: Alpha = 0.05
    power: float = Field(0.8, ge=0.5, lt=1, description="below it a holdout cannot refuse, it is undecided")


class ChampionGate(Rule):
    """The candidate is compared with the champion, row by row, on the same holdout.

    `non_inferiority`: it must be shown to be worse by less than the margin; it knows fresher data.
    `superiority`: it must be shown to be better, and almost surely not worse by the margin of harm: where
    days differ much the error is large, and at `alpha` alone too many worse candidates would pass by luck.
    """

    kind: Literal["champion"]
    metric: HoldoutMetric | None = Field(None, description="left out, the primary one of the problem")
    test: Literal["non_inferiority", "superiority"] = "non_inferiority"
    margin: float = Field(
        0.01, ge=0, description="in units of the metric; for losses and errors, a share of the champion's"
    )
    effect: float = Field(
        0.02, gt=0, description="superiority: a holdout that would overlook this gain is undecided"
    )
    harm_margin: float | None = Field(
        0.01,
        ge=0,
        description="superiority: a candidate truly worse by this much passes at most at `harm_alpha`; null: "
        "no such bound",
    )
    harm_alpha: Alpha = Field(0.01, description="error rate of the bound against harm, for each candidate")
    alpha: Alpha = Field(0.05, description="for all candidates together that use days of one holdout")
    first_share: float = Field(
        0.8, gt=0, lt=1, description="share of alpha for the first of them; the later ones share the rest"
    )
    power: float = Field(0.8, ge=0.5, lt=1, description="below it a holdout cannot refuse, it is undecided")


EvaluationGate = Annotated[
    FloorGate
    | BaselineGate
    | ChampionGate
    | SlicesGate
    | FairnessGate
    | CalibrationGate
    | StabilityGate
    | GoldenGate
    | InvarianceGate
    | BudgetGate
    | ValueGate
    | ConditionsGate,
    Field(discriminator="kind"),
]


def _usual_gates() -> list[EvaluationGate]:
    return [FloorGate(kind="floor"), BaselineGate(kind="baseline"), ChampionGate(kind="champion")]


class Evaluation(Section):
    """The rules that a candidate must pass, all of them."""

    gates: list[EvaluationGate] = Field(default_factory=_usual_gates, min_length=1)
    min_rows: int = Field(500, ge=2, description="labelled holdout rows; below it the verdict is undecided")
    mode: Mode = "fail_closed"

    def misfit(self, problem: str, directions: Mapping[str, bool]) -> str | None:
        """Say what is wrong with the rules for a kind of problem, given the directions of its metrics."""
        for index, gate in enumerate(self.gates):
            place = f"evaluation.gates[{index}]"
            metric = getattr(gate, "metric", None)
            if isinstance(gate, FloorGate) and gate.metric is None and gate.max is not None:
                metric = USUAL_FLOORS[problem][0]
            if metric is not None and metric not in directions:
                known = ", ".join(f"'{name}'" for name in directions)
                return (
                    f"{place}.metric: '{metric}' is no metric of a {problem} problem; choose one of {known}"
                )
            if (
                isinstance(gate, FloorGate)
                and metric is not None
                and directions[metric] != (gate.max is None)
            ):
                right = "min" if directions[metric] else "max"
                return (
                    f"{place}: of '{metric}' {'more' if right == 'min' else 'less'} is better; give {right}"
                )
            if problem != "binary" and isinstance(gate, CalibrationGate | FairnessGate):
                return f"{place}.kind: '{gate.kind}' judges yes and no, not a {problem} problem; remove it"
        return None
