"""The page of one watched partition: verdicts, explanation and picture in one HTML file."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from include.monitoring.explanation import explain, most_moved
from include.monitoring.picture import Series, draw

if TYPE_CHECKING:
    from include.decisions import Decision
    from include.monitoring.watched import Watched

_DRAWN_COLUMNS = 3
_NULLS = " (nulls)"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#1f2937}"
    "table{border-collapse:collapse}td,th{border-bottom:1px solid #d1d5db;padding:.3em .8em;text-align:left;"
    "vertical-align:top}img{max-width:100%}.warn{color:#b45309;font-weight:600}.undecided{color:#7c3aed}"
)


def render_page(watched: Watched, verdicts: Mapping[str, Decision], evidently: str) -> bytes:
    """Render the page; it needs no other file.

    Args:
        watched: the partition.
        verdicts: by gate; drift, performance and concept among them.
        evidently: file name of Evidently's report beside this page; empty where there is none.
    """
    explanation = explain(watched, verdicts)
    title = f"{watched.use_case.name} {watched.partition}"
    rows = "".join(
        f'<tr><td>{escape(one.gate)}</td><td class="{one.verdict.value}">{one.verdict.value}</td>'
        f"<td>{'<br>'.join(escape(reason) for reason in one.reasons)}</td><td>{one.id[:12]}</td></tr>"
        for one in verdicts.values()
    )
    picture = base64.b64encode(_picture(watched, verdicts)).decode()
    beside = (
        f'<p><a href="{escape(evidently)}">Evidently\'s report</a> compares at most 2,000 rows of the '
        "partition with the sample kept with the model; verdicts come from the rules above.</p>"
        if evidently
        else ""
    )
    raw = "; ".join(escape(text) for text in explanation.raw) or "too little history"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>Champion: version {escape(watched.champion.version)}, as of {escape(watched.champion.as_of)}. "
        "Reference: what it learned from.</p>"
        f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in explanation.sentences)}</ul>"
        f'<img alt="What moved, and drift and loss over time" src="data:image/svg+xml;base64,{picture}">'
        f"<h2>Verdicts</h2><table><tr><th>gate</th><th>verdict</th><th>reasons</th><th>decision</th></tr>"
        f"{rows}</table><h2>Columns of the batch as it came</h2><p>{raw}</p>{beside}</body></html>"
    ).encode()


def _picture(watched: Watched, verdicts: Mapping[str, Decision]) -> bytes:
    today, kinds = watched.profiles, watched.reference.profile
    moved = dict.fromkeys(name.removesuffix(_NULLS) for name, _ in most_moved(verdicts["drift"]))
    units = {feature.name: f" ({feature.unit})" for feature in watched.features.features if feature.unit}
    columns = [
        (f"{name}{units.get(name, '')}", kinds[name], {**today[name], "kind": kinds[name]["kind"]})
        for name in moved
        if name in kinds and name in today
    ][:_DRAWN_COLUMNS]
    series = [_drift_series(watched, verdicts["drift"]), _loss_series(verdicts["performance"])]
    return draw(columns, series)


def _drift_series(watched: Watched, drifted: Decision) -> Series:
    alpha = watched.use_case.monitoring.drift.alpha
    values = dict(drifted.evidence.get("past", {}))
    past = list(values.values())
    if drifted.evidence["magnitude"] is not None:
        values[watched.partition] = drifted.evidence["magnitude"]
    # The rank marks what lies above all but a share alpha of the past.
    upper = float(np.quantile(past, 1 - alpha, method="higher")) if past else None
    return Series("drift magnitude (band: ordinary)", values, upper)


def _loss_series(performed: Decision) -> Series:
    live = {day: found["loss"] for day, found in performed.evidence["live"].items()}
    holdout = performed.evidence["holdout_losses"]
    upper = float(np.mean(holdout) + 2 * np.std(holdout, ddof=1)) if len(holdout) > 1 else None
    return Series(f"{performed.evidence['loss_name']} (band: holdout, 2 deviations)", live, upper)
