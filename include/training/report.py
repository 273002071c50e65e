"""The report of a trained model on its holdout: figures with intervals, plots, one HTML page for people."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from include.decisions import code_version
from include.html_pages import render
from include.lake import LABEL, PARTITION
from include.plotting import as_png, plain_text
from include.problems.base import Array, Labels
from include.stats.leave_one_out import leave_one_block_out
from include.training import explaining, plots
from include.training.assembling import TrainingSet
from include.training.explaining import Drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = "report/evaluation.html"
_TEMPLATE = Path(__file__).parent / "templates" / "report.html"
_ALPHA = 0.1
_DPI = 80
_TITLES = {
    "roc": "Does it rank?",
    "precision_recall": "Are its alarms right?",
    "calibration": "Do scores mean what they say?",
    "confusion": "What is taken for what?",
    "lift": "How much do the highest scores hold?",
    "residuals": "How far off is it?",
    "by_day": "Is it steady?",
    "importance": "What does it look at?",
    "learning_curve": "Would more data help?",
    "shap": "What moves single scores?",
}


@dataclass(frozen=True)
class Report:
    """What goes into MLflow: files by path, and the bounds of the metrics."""

    files: dict[str, bytes]
    metrics: dict[str, float]


@dataclass(frozen=True)
class _Judged:
    """The holdout with the scores of all that are compared on it."""

    label: Labels
    days: np.ndarray
    scores: dict[str, Array]

    @property
    def score(self) -> Array:
        return self.scores["model"]


@plain_text()
def report(training_set: TrainingSet, drawn: Drawn, run_id: str) -> Report:
    """Draw and write the report of a model; nothing where the holdout has one label only.

    Args:
        training_set: what it was made from, and the holdout.
        drawn: the fitted candidate, with its scores and importances.
        run_id: of its run.
    """
    kind, held_out = training_set.recipe.kind, training_set.held_out
    label = held_out[LABEL].to_numpy()
    if not kind.varies(label):
        return Report({}, {})
    judged = _Judged(
        label=label,
        days=held_out[PARTITION].to_numpy(),
        scores=drawn.scores,
    )
    intervals = {name: _interval(training_set, judged, name) for name in kind.problem.directions}
    figures = _figures(training_set, drawn, judged, intervals[kind.primary])
    images = {name: as_png(figure, dpi=_DPI) for name, figure in figures.items()}
    page = _page(training_set, run_id, judged, intervals, images)
    bounds = {
        f"holdout.{name}.{side}": value
        for name, interval in intervals.items()
        for side, value in (("low", interval.low), ("high", interval.high))
        if math.isfinite(value)
    }
    return Report({PAGE: page, **{f"report/{name}.png": image for name, image in images.items()}}, bounds)


def _interval(training_set: TrainingSet, judged: _Judged, metric: str) -> plots.Interval:
    """Return a metric with its interval, which is NaN where a day decides whether there is one at all."""
    function = training_set.recipe.kind.metric(metric)
    try:
        found = leave_one_block_out(
            lambda rows: float(function(judged.label[rows], judged.score[rows])), judged.days
        )
    except ValueError:
        return plots.Interval(float(function(judged.label, judged.score)), math.nan, math.nan)
    return plots.Interval(found.value, found.lower(_ALPHA / 2), found.upper(_ALPHA / 2))


def _figures(
    training_set: TrainingSet, drawn: Drawn, judged: _Judged, primary: plots.Interval
) -> dict[str, Figure]:
    kind, recipe = training_set.recipe.kind, training_set.recipe
    function = kind.metric(kind.primary)

    def daily(score: Array) -> dict[str, float]:
        found = {
            str(day): float(function(judged.label[judged.days == day], score[judged.days == day]))
            for day in sorted(set(judged.days))
            if kind.varies(judged.label[judged.days == day])
        }
        return {day: value for day, value in found.items() if math.isfinite(value)}

    figures = plots.outcome_plots(kind, judged.label, judged.score, judged.scores["baseline"], judged.days)
    figures["by_day"] = plots.by_day(
        daily(judged.score), daily(judged.scores["baseline"]), primary, kind.primary
    )
    figures["importance"] = plots.bars(
        drawn.importance,
        title="Permutation importance, with the spread of its repeats",
        unit=f"rise of the mean {kind.row_loss.replace('_', ' ')} when the feature is shuffled",
    )
    if training_set.use_case.training.report == "full":
        figures["learning_curve"] = plots.curve(*explaining.learning_curve(training_set), kind.row_loss)
        if values := explaining.shap_values(drawn.model, training_set.held_out, recipe):
            figures["shap"] = plots.bars(
                values, title="SHAP: mean size of a feature's part in a score", unit="in the model's own unit"
            )
    return figures


def _page(
    training_set: TrainingSet,
    run_id: str,
    judged: _Judged,
    intervals: dict[str, plots.Interval],
    images: dict[str, bytes],
) -> bytes:
    kind, use_case = training_set.recipe.kind, training_set.use_case
    others = {name: kind.metrics(judged.label, score) for name, score in judged.scores.items()}
    return render(
        _TEMPLATE,
        use_case=use_case,
        run_id=run_id,
        as_of=training_set.as_of,
        window=training_set.window,
        learned=len(training_set.learned),
        held_out=len(training_set.held_out),
        days=len(set(judged.days)),
        missing=training_set.labelled.missing,
        refs=[str(ref) for ref in training_set.labelled.refs],
        intervals=intervals,
        others=others,
        better={name: "higher" if up else "lower" for name, up in kind.problem.directions.items()},
        primary=kind.primary,
        images={name: (_TITLES[name], base64.b64encode(image).decode()) for name, image in images.items()},
        features=training_set.features,
        code_version=code_version(),
    )
