"""Plots of a model on its holdout, to be read at a glance: title, units, and what chance or perfection is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from include.problems import Binary, Multiclass, ProblemKind
from include.problems.base import Array, Labels
from include.stats.curve_bands import Band, precision_recall_band, roc_band
from include.stats.proportions import share_bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 10
_MODEL, _OTHER, _GUIDE = "#1f5fa8", "#c9772b", "#999999"
# More points than this are a cloud, and each costs time to draw.
_MOST_POINTS = 1500
_HALF = 0.5
_MOST_CLASSES_NAMED = 12


class Interval(NamedTuple):
    """A figure with its two-sided interval."""

    value: float
    low: float
    high: float


def _figure(*, left: float = 0.13) -> tuple[Figure, Axes]:
    """Return an empty plot; its margins are fixed, because finding them would draw everything twice."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 4.0))
    return figure, figure.add_axes((left, 0.16, 0.97 - left, 0.74))


def outcome_plots(
    kind: ProblemKind, label: Labels, score: Array, baseline: Array, days: Labels
) -> dict[str, Figure]:
    """Return the plots that suit a kind of problem, by file name."""
    if isinstance(kind, Binary):
        return {
            "roc": roc(label, score, baseline, days),
            "precision_recall": precision_recall(label, score, baseline, days),
            "calibration": calibration(label, score, baseline),
            "confusion": confusion(label, (score >= _HALF).astype(int), (0, 1), "score of at least 0.5"),
            "lift": lift(label, score, baseline),
        }
    if isinstance(kind, Multiclass):
        right = (kind.chosen(score) == label).astype(int)
        return {
            "confusion": confusion(label, kind.chosen(score), kind.classes, "most probable class"),
            "calibration": calibration(right, score.max(axis=1), None, what="the chosen class was right"),
        }
    unit = getattr(kind.problem, "unit", "") or "unit of the label"
    return {
        "residuals": residuals(label, score, unit),
        "calibration": levels(label, score, baseline, unit),
        "lift": lift(label, score, baseline, what=f"label ({unit})"),
    }


def roc(label: Labels, score: Array, baseline: Array, days: Labels) -> Figure:
    from sklearn.metrics import auc, roc_curve

    figure, axes = _figure()
    for name, values, colour in (("baseline", baseline, _OTHER), ("model", score, _MODEL)):
        false, true, _ = roc_curve(label, values)
        axes.plot(false, true, color=colour, label=f"{name}, AUC {auc(false, true):.3f}")
    _shaded(axes, roc_band, label, score, days)
    axes.plot([0, 1], [0, 1], color=_GUIDE, linestyle=":", label="chance, AUC 0.500")
    return _labelled(
        figure,
        axes,
        "ROC: found against falsely alarmed",
        "share of negatives alarmed",
        "share of positives found",
    )


def precision_recall(label: Labels, score: Array, baseline: Array, days: Labels) -> Figure:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    figure, axes = _figure()
    for name, values, colour in (("baseline", baseline, _OTHER), ("model", score, _MODEL)):
        precision, recall, _ = precision_recall_curve(label, values)
        mean = average_precision_score(label, values)
        axes.plot(recall, precision, color=colour, label=f"{name}, average precision {mean:.3f}")
    _shaded(axes, precision_recall_band, label, score, days)
    share = float(np.mean(label))
    axes.axhline(share, color=_GUIDE, linestyle=":", label=f"chance, {share:.3f}")
    return _labelled(
        figure, axes, "Precision and recall", "share of positives found", "share of alarms that are right"
    )


def _shaded(axes: Axes, band: Callable[..., Band], label: Labels, score: Array, days: Labels) -> None:
    """Shade the reach of the model's curve over other days; a single day has none."""
    try:
        reach = band(label, score, days, level=0.9, seed=0)
    except ValueError:
        return
    axes.fill_between(
        reach.at, reach.low, reach.high, color=_MODEL, alpha=0.15, linewidth=0, label="other days, 90 %"
    )


def calibration(label: Labels, score: Array, baseline: Array | None, *, what: str = "label was 1") -> Figure:
    """Shares against scores, in ten bins of equal size, with 95 % intervals (Clopper-Pearson)."""
    figure, axes = _figure()
    axes.plot([0, 1], [0, 1], color=_GUIDE, linestyle=":", label="perfect")
    for name, values, colour in (("baseline", baseline, _OTHER), ("model", score, _MODEL)):
        if values is None:
            continue
        bins = np.array_split(np.argsort(values, kind="stable"), _BINS)
        bins = [rows for rows in bins if len(rows)]
        means = np.array([values[rows].mean() for rows in bins])
        shares = np.array([np.mean(label[rows]) for rows in bins])
        bounds = [share_bounds(int(np.sum(label[rows])), len(rows), 0.025) for rows in bins]
        reach = np.abs(np.array(bounds).T - shares)
        axes.errorbar(
            means, shares, yerr=reach, color=colour, marker="o", markersize=4, linewidth=1, label=name
        )
    return _labelled(
        figure, axes, "Calibration: bins of a tenth of the rows, 95 %", "mean score", f"share where {what}"
    )


def confusion(label: Labels, chosen: Labels, classes: Sequence[object], by: str) -> Figure:
    figure, axes = _figure()
    counts = np.array(
        [[int(((label == true) & (chosen == said)).sum()) for said in classes] for true in classes]
    )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= _MOST_CLASSES_NAMED:
        for (row, column), share in np.ndenumerate(shares):
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}\n{share:.0%}",
                ha="center",
                va="center",
                color="white" if share > _HALF else "black",
            )
        axes.set_xticks(range(len(classes)), [str(name) for name in classes])
        axes.set_yticks(range(len(classes)), [str(name) for name in classes])
    axes.set_title(f"Confusion by {by}: rows, share of the label's", fontsize=10)
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    return figure


def lift(label: Labels, score: Array, baseline: Array | None, *, what: str = "positives") -> Figure:
    """How many of the positives (or how much of the label) the highest scores hold."""
    figure, axes = _figure()
    amount = np.asarray(label, dtype=np.float64)
    share = np.arange(1, len(amount) + 1) / len(amount)
    total = amount.sum() or 1.0
    best = np.cumsum(np.sort(amount)[::-1]) / total
    axes.plot(share, best, color=_GUIDE, linestyle="--", label="perfect order")
    for name, values, colour in (("baseline", baseline, _OTHER), ("model", score, _MODEL)):
        if values is None:
            continue
        gained = np.cumsum(amount[np.argsort(-values, kind="stable")]) / total
        tenth = gained[max(len(gained) // 10 - 1, 0)] / 0.1
        axes.plot(share, gained, color=colour, label=f"{name}, top tenth {tenth:.1f} x chance")
    axes.plot([0, 1], [0, 1], color=_GUIDE, linestyle=":", label="chance")
    return _labelled(figure, axes, f"Lift: {what}", "share of rows, highest scores first", f"share of {what}")


def residuals(label: Labels, score: Array, unit: str) -> Figure:
    figure, axes = _figure()
    step = max(len(label) // _MOST_POINTS, 1)
    error = np.asarray(label, dtype=np.float64) - score
    axes.scatter(score[::step], error[::step], s=5, alpha=0.4, color=_MODEL)
    axes.axhline(0, color=_GUIDE, linestyle=":")
    low, high = np.quantile(error, [0.05, 0.95])
    axes.axhspan(low, high, color=_MODEL, alpha=0.1, label=f"90 % of rows: {low:+.3g} to {high:+.3g}")
    return _labelled(
        figure,
        axes,
        f"Residuals, mean {error.mean():+.3g}",
        f"prediction ({unit})",
        f"label - prediction ({unit})",
    )


def levels(label: Labels, score: Array, baseline: Array, unit: str) -> Figure:
    """Mean label against mean score in ten bins of equal size, with 95 % of the mean."""
    figure, axes = _figure()
    amount = np.asarray(label, dtype=np.float64)
    for name, values, colour in (("baseline", baseline, _OTHER), ("model", score, _MODEL)):
        bins = [rows for rows in np.array_split(np.argsort(values, kind="stable"), _BINS) if len(rows)]
        reach = [1.96 * amount[rows].std() / np.sqrt(len(rows)) for rows in bins]
        means = [values[rows].mean() for rows in bins]
        axes.errorbar(
            means,
            [amount[rows].mean() for rows in bins],
            yerr=reach,
            color=colour,
            marker="o",
            markersize=4,
            linewidth=1,
            label=name,
        )
    span = [float(score.min()), float(score.max())]
    axes.plot(span, span, color=_GUIDE, linestyle=":", label="perfect")
    return _labelled(
        figure,
        axes,
        "Calibration: bins of a tenth of the rows, 95 %",
        f"mean prediction ({unit})",
        f"mean label ({unit})",
    )


def bars(values: Mapping[str, tuple[float, float]], *, title: str, unit: str, most: int = 20) -> Figure:
    """Draw figures with their reach, largest on top."""
    figure, axes = _figure(left=0.3)
    shown = sorted(values.items(), key=lambda item: item[1][0])[-most:]
    axes.barh(
        [name for name, _ in shown],
        [value for _, (value, _) in shown],
        xerr=[reach for _, (_, reach) in shown],
        color=_MODEL,
        ecolor=_GUIDE,
    )
    axes.axvline(0, color=_GUIDE, linewidth=1)
    axes.tick_params(axis="y", labelsize=8)
    axes.locator_params(axis="x", nbins=5)
    axes.set_title(title, fontsize=10, loc="right")
    axes.set_xlabel(unit, fontsize=8)
    return figure


def by_day(days: Mapping[str, float], others: Mapping[str, float], overall: Interval, metric: str) -> Figure:
    """Draw a metric of each day of the holdout, with the interval of all days."""
    figure, axes = _figure()
    axes.plot(list(others), list(others.values()), color=_OTHER, marker=".", linewidth=1, label="baseline")
    axes.plot(list(days), list(days.values()), color=_MODEL, marker="o", linewidth=1, label="model")
    axes.axhline(overall.value, color=_MODEL, linewidth=1, linestyle=":")
    axes.axhspan(overall.low, overall.high, color=_MODEL, alpha=0.1, label="all days, 90 %")
    axes.tick_params(axis="x", rotation=20, labelsize=7)
    return _labelled(figure, axes, f"{metric} by day of the holdout", "data date", metric)


def curve(sizes: Sequence[int], learned: Sequence[float], held_out: Sequence[float], loss: str) -> Figure:
    """Draw the loss on the rows that were learned from and on the holdout, by the number of rows."""
    figure, axes = _figure()
    axes.plot(sizes, learned, color=_OTHER, marker="o", label="rows learned from")
    axes.plot(sizes, held_out, color=_MODEL, marker="o", label="holdout")
    return _labelled(
        figure,
        axes,
        "Learning curve: newest rows first",
        "rows learned from",
        f"mean {loss.replace('_', ' ')}",
    )


def _labelled(figure: Figure, axes: Axes, title: str, x: str, y: str) -> Figure:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.2)
    return figure
