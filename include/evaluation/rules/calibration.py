"""Whether predicted probabilities are what happens."""

from __future__ import annotations

import math

import numpy as np

from include.decisions import Verdict
from include.evaluation.figures import Bin, Calibration, Estimate, EvaluationEvidence
from include.evaluation.rules.base import Case, Family, Finding
from include.stats.bounds import Estimated
from include.stats.calibration import calibration_slope, squared_calibration_error
from include.stats.leave_one_out import leave_one_block_out
from include.use_case_sections import CalibrationGate


def _measure(rule: CalibrationGate, case: Case) -> Calibration:
    if case.kind.name != "binary":
        raise ValueError(f"calibration judges the probability of yes; the problem is {case.kind.name}")
    label, score = case.label, case.score
    edges = np.unique(np.quantile(score, np.linspace(0, 1, rule.bins + 1)[1:-1]))
    bins = np.searchsorted(edges, score, side="right")
    error = leave_one_block_out(
        lambda rows: squared_calibration_error(label[rows], score[rows], bins[rows]), case.days
    )
    slope = leave_one_block_out(lambda rows: calibration_slope(label[rows], score[rows]), case.days)
    return Calibration(
        squared_error=_kept(error),
        slope=_kept(slope),
        bins=[
            Bin(
                rows=int((bins == index).sum()),
                mean_score=round(float(score[bins == index].mean()), 6),
                share=round(float(label[bins == index].mean()), 6),
            )
            for index in np.unique(bins)
        ],
    )


def _kept(found: Estimated) -> Estimate:
    return Estimate(
        value=found.value, standard_error=found.standard_error, degrees_of_freedom=found.degrees_of_freedom
    )


def _judge(rule: CalibrationGate, found: Calibration, _: EvaluationEvidence) -> Finding:
    error, slope = found.squared_error.bounds, found.slope.bounds
    # Two figures and three limits: each bound takes a third of alpha.
    alpha = rule.alpha / 3
    least = _root(error.lower(alpha))
    figure = (
        f"calibration: gap {_root(error.value):.3f}, at least {least:.3f}, allowed {rule.max_error:.3f}; "
        f"slope {slope.value:.2f}, between {slope.lower(alpha):.2f} and {slope.upper(alpha):.2f}, allowed "
        f"{rule.min_slope:g} to {rule.max_slope:g}"
    )
    if math.isnan(error.value) or math.isnan(slope.value):
        return Verdict.REFUSE, f"{figure}: that is not a number"
    shown = least > rule.max_error or slope.upper(alpha) < rule.min_slope
    if shown or slope.lower(alpha) > rule.max_slope:
        return Verdict.REFUSE, figure
    if _root(error.value) > rule.max_error or not rule.min_slope <= slope.value <= rule.max_slope:
        return Verdict.WARN, f"{figure}: outside, but chance may explain it"
    return Verdict.PASS, figure


def _root(square: float) -> float:
    return math.sqrt(max(square, 0.0))


CALIBRATION = Family(
    key=lambda rule, _problem: f"calibration:{rule.bins}",
    measure=_measure,
    judge=_judge,
    explanation="calibration: debiased squared error over bins (Kumar et al. 2019), slope (Cox 1958), with "
    "bounds from leaving out one day at a time",
)
