"""The section `evaluation`: the rules that a candidate must pass."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from include.decisions import Mode
from include.use_case_sections.base import Alpha, Section


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
