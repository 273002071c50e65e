"""The picture of an explanation: what moved, and how drift and loss ran before it, with their bands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from include.plotting import as_svg, plain_text
from include.stats.profile import PROBABILITIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN_CATEGORIES = 8
_NAME_LENGTH = 11
_BEFORE, _NOW, _BAND = "#8a94a6", "#c2410c", "#dbe4f0"


@dataclass(frozen=True)
class Series:
    """A figure by partition, and the band in which it is ordinary.

    Attributes:
        upper: end of the band; None where it is not known.
    """

    title: str
    values: dict[str, float]
    upper: float | None


@plain_text()
def draw(columns: Sequence[tuple[str, dict[str, Any], dict[str, Any]]], series: Sequence[Series]) -> bytes:
    """Draw one SVG: a panel for each column, with its profiles before and now, and one for each series."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    series = [found for found in series if found.values]  # an empty frame tells nobody anything
    panels = max(len(columns) + len(series), 1)
    wide, high = min(panels, 3), -(-panels // 3)
    figure = Figure(figsize=(4.2 * wide, 2.9 * high))
    # In shares of the figure, and between panels of a panel: found once. Matplotlib's own layout measures
    # every label again, which takes as long as drawing all of them.
    figure.subplots_adjust(
        left=0.13 / wide,
        right=1 - 0.03 / wide,
        bottom=0.26 / high,
        top=1 - 0.09 / high,
        wspace=0.2,
        hspace=0.55,
    )
    axes = np.atleast_1d(figure.subplots(high, wide)).ravel()
    for axis, (title, before, now) in zip(axes, columns, strict=False):
        _name(axis, title)
        if before["kind"] == "number":
            _distribution(axis, before, now)
        else:
            _categories(axis, before, now)
    if columns:
        axes[0].legend(fontsize=7)  # of all panels: each legend takes as long to place as two of its lines
    for axis, found in zip(axes[len(columns) :], series, strict=False):
        _over_time(axis, found)
    for axis in axes:
        axis.tick_params(labelsize=7)
        axis.yaxis.set_major_locator(MaxNLocator(4))
    for axis in axes[len(columns) + len(series) :]:
        axis.set_axis_off()
    return as_svg(figure)


def _name(axis: Axes, title: str) -> None:
    # Where no place is given, Matplotlib measures the panel's labels to find one.
    axis.set_title(title, fontsize=9, y=1.0)


def _distribution(axis: Axes, before: dict[str, Any], now: dict[str, Any]) -> None:
    for row, colour, label in ((before, _BEFORE, "reference"), (now, _NOW, "now")):
        if row["quantiles"]:
            axis.plot(json.loads(row["quantiles"]), PROBABILITIES, color=colour, label=label)
    axis.set_ylabel("share of rows below", fontsize=7)


def _categories(axis: Axes, before: dict[str, Any], now: dict[str, Any]) -> None:
    counts = [json.loads(row["categories"] or "{}") for row in (before, now)]
    shares = [{name: n / max(sum(found.values()), 1) for name, n in found.items()} for found in counts]
    names = sorted({*shares[0], *shares[1]}, key=lambda name: -max(found.get(name, 0) for found in shares))
    names = names[:_SHOWN_CATEGORIES]
    place = np.arange(len(names))
    for found, shift, colour, label in (
        (shares[0], -0.2, _BEFORE, "reference"),
        (shares[1], 0.2, _NOW, "now"),
    ):
        axis.bar(place + shift, [100 * found.get(name, 0) for name in names], 0.4, color=colour, label=label)
    shown = [name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…" for name in names]
    axis.set_xticks(place, shown, rotation=45)
    axis.set_ylabel("% of rows", fontsize=7)


def _over_time(axis: Axes, found: Series) -> None:
    days = sorted(found.values)
    values = [found.values[day] for day in days]
    _name(axis, found.title)
    if found.upper is not None and days:
        axis.axhspan(min([0.0, *values]), found.upper, color=_BAND)
    axis.plot(range(len(days)), values, color=_BEFORE, marker=".", markersize=3)
    if days:
        axis.plot(len(days) - 1, values[-1], color=_NOW, marker="o")
        shown = sorted({0, len(days) // 2, len(days) - 1})
        axis.set_xticks(shown, [days[at][5:] for at in shown])
