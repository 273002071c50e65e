"""Pictures of one feature over time: how its values are spread, and how many are missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from include.plotting import as_png, plain_text
from include.stats.profile import PROBABILITIES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SHOWN_CATEGORIES = 8
_ALL, _NEWEST = "#8a94a6", "#c2410c"


@plain_text()
def draw(profiles: pd.DataFrame) -> bytes:
    """Draw one PNG of a feature's profiles, one row a partition, in order: spread, and missing share."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 2.0), layout="constrained")
    FigureCanvasAgg(figure)
    spread, missing = figure.subplots(1, 2)
    if profiles["kind"].iloc[-1] == "number":
        _quantiles(spread, profiles)
    else:
        _categories(spread, profiles)
    _missing(missing, profiles)
    for axis in (spread, missing):
        axis.tick_params(labelsize=7)
    return as_png(figure, dpi=90)


def _quantiles(axis: Axes, profiles: pd.DataFrame) -> None:
    curves = [json.loads(found) for found in profiles["quantiles"].dropna()]
    if not curves:
        axis.text(0.5, 0.5, "no values", ha="center")
        return
    # The middle day of each quantile: one odd day moves no line.
    axis.plot(np.median(np.array(curves, dtype="float64"), axis=0), PROBABILITIES, color=_ALL, label="usual")
    axis.plot(curves[-1], PROBABILITIES, color=_NEWEST, linewidth=0.9, label="newest")
    axis.set_ylabel("share of rows below", fontsize=7)
    axis.legend(fontsize=7)


def _categories(axis: Axes, profiles: pd.DataFrame) -> None:
    counts: dict[str, int] = {}
    newest: dict[str, int] = {}
    for found in profiles["categories"].dropna():
        newest = json.loads(found)
        for name, count in newest.items():
            counts[name] = counts.get(name, 0) + count
    names = sorted(counts, key=lambda name: (-counts[name], name))[:_SHOWN_CATEGORIES]
    place = np.arange(len(names))
    for found, shift, colour, label in ((counts, -0.2, _ALL, "all"), (newest, 0.2, _NEWEST, "newest")):
        total = max(sum(found.values()), 1)
        shares = [100 * found.get(name, 0) / total for name in names]
        axis.bar(place + shift, shares, 0.4, color=colour, label=label)
    axis.set_xticks(place, [name[:12] for name in names], rotation=45)
    axis.set_ylabel("% of rows", fontsize=7)
    axis.legend(fontsize=7)


def _missing(axis: Axes, profiles: pd.DataFrame) -> None:
    shares = 100 * profiles["nulls"].to_numpy() / np.maximum(profiles["count"].to_numpy(), 1)
    days = profiles["partition"].tolist()
    axis.plot(range(len(days)), shares, color=_ALL, marker=".", markersize=3)
    axis.set_ylim(-1, max(5.0, float(shares.max(initial=0.0)) * 1.1))
    axis.set_ylabel("% missing", fontsize=7)
    shown = sorted({0, len(days) // 2, len(days) - 1})
    axis.set_xticks(shown, [days[at] for at in shown])
