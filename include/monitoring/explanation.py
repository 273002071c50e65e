"""What moved, by how much in units that a person knows, whether it matters, and whether labels confirm it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from include.decisions import Decision, Verdict
from include.stats.distance import quantile_distance
from include.stats.profile import OTHER

if TYPE_CHECKING:
    from include.monitoring.watched import Watched

_NULLS = " (nulls)"
_EXPLAINED = 5
_SCORE_MOVED = 0.2  # standard deviations; Cohen's (1988) small effect


class Moved(BaseModel):
    """One column that moved.

    Attributes:
        text: what changed, for example `wind_speed: mean 10.2 -> 18.4 mph`.
        surprise: see `include.stats.drift.ColumnDrift`.
        importance: rise of the champion's holdout loss without the feature; None where it is not known.
        rank: place of the feature by importance, from 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    text: str
    surprise: float
    importance: float | None = None
    rank: int | None = None


class Explanation(BaseModel):
    """A drift in sentences: what moved, what the predictions did, what the labels say.

    Attributes:
        raw: columns of the batch as it came, by the figures of the ingestion gate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    headline: str
    moved: list[Moved]
    predictions: str
    labels: str
    raw: list[str]

    @property
    def sentences(self) -> list[str]:
        """The whole explanation, a sentence a line."""
        return [
            self.headline,
            *(_with_importance(moved) for moved in self.moved),
            self.predictions,
            self.labels,
        ]


def _with_importance(moved: Moved) -> str:
    if moved.importance is None:
        return moved.text
    return f"{moved.text} (feature {moved.rank} by importance, {moved.importance:+.4f} loss without it)"


def explain(watched: Watched, verdicts: Mapping[str, Decision]) -> Explanation:
    """Put the verdicts on a partition into words.

    Args:
        watched: the partition.
        verdicts: by gate; drift, performance and concept among them.
    """
    drifted = verdicts["drift"]
    return Explanation(
        headline=f"Drift of {watched.partition}: {drifted.verdict.value}. {drifted.reasons[0]}",
        moved=_moved(watched, most_moved(drifted)[:_EXPLAINED]),
        predictions=_predictions(watched),
        labels=_labels(verdicts["performance"], verdicts["concept"]),
        raw=_raw(watched.raw_drift),
    )


def most_moved(drifted: Decision) -> list[tuple[str, float]]:
    """Return the columns that moved by a decision on drift, and their surprise, the most surprising first."""
    columns = drifted.evidence["columns"].items()
    moved = [(name, found["surprise"]) for name, found in columns if found["distance"]]
    return sorted(moved, key=lambda item: -item[1])


def _raw(drifted: Mapping[str, Any]) -> list[str]:
    columns = sorted(drifted.get("columns", {}).items(), key=lambda item: -item[1])
    return [f"{name} stands out by {surprise:.1f}" for name, surprise in columns[:_EXPLAINED]]


def _moved(watched: Watched, columns: Sequence[tuple[str, float]]) -> list[Moved]:
    importance = watched.reference.importance
    ranked = sorted(importance, key=lambda name: -importance[name])
    units = {feature.name: feature.unit for feature in watched.features.features}
    moved = []
    for name, surprise in columns:
        column = name.removesuffix(_NULLS)
        before, now = watched.reference.profile.get(column), watched.profiles.get(column)
        text = "moved, but the champion keeps no reference of it"
        if before and now:
            text = (
                nulls_text(before, now) if name.endswith(_NULLS) else values_text(before, now, units[column])
            )
        moved.append(
            Moved(
                column=name,
                text=f"{column}: {text}",
                surprise=surprise,
                importance=importance.get(column),
                rank=ranked.index(column) + 1 if column in ranked else None,
            )
        )
    return moved


def nulls_text(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Say how the share of rows without a value changed.

    >>> nulls_text({"nulls": 0, "count": 900}, {"nulls": 45, "count": 900})
    'without value 0.0 % -> 5.0 %'
    """
    shares = [row["nulls"] / row["count"] if row["count"] else math.nan for row in (before, now)]
    return f"without value {100 * shares[0]:.1f} % -> {100 * shares[1]:.1f} %"


def values_text(before: dict[str, Any], now: dict[str, Any], unit: str) -> str:
    """Say how the values changed: the mean of a number, the categories that moved most.

    >>> old, new = {"kind": "number", "mean": 41.0}, {"kind": "number", "mean": 55.2}
    >>> values_text(old, new, "°F")
    'mean 41 -> 55.2 °F'
    >>> old = {"kind": "category", "categories": '{"JFK": 31, "LGA": 69}'}
    >>> values_text(old, {"kind": "category", "categories": '{"JFK": 44, "LGA": 56}'}, "")
    'share of JFK 31 % -> 44 %, of LGA 69 % -> 56 %'
    """
    if before["kind"] == "number":
        old, new = (_number(row["mean"]) for row in (before, now))
        return f"mean {old} -> {new} {unit}".rstrip()
    shares = [_shares(row) for row in (before, now)]
    names = sorted(set(shares[0]) | set(shares[1]), key=lambda name: (-_gap(shares, name), name))
    said = [f"{name} {_percent(shares[0], name)} -> {_percent(shares[1], name)}" for name in names[:2]]
    return f"share of {', of '.join(said)}" if said else "no values on either side"


def _number(value: float | None) -> str:
    return "none" if value is None or math.isnan(value) else f"{value:.4g}"


def _shares(row: dict[str, Any]) -> dict[str, float]:
    counts = json.loads(row["categories"] or "{}")
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items() if name != OTHER}


def _gap(shares: list[dict[str, float]], name: str) -> float:
    return abs(shares[0].get(name, 0.0) - shares[1].get(name, 0.0))


def _percent(shares: dict[str, float], name: str) -> str:
    return f"{100 * shares.get(name, 0.0):.0f} %"


def score_shift(watched: Watched) -> float | None:
    """Return how far the scores lie from those on the holdout, in standard deviations of these."""
    from include.stats.profile import profile_frame

    before = watched.reference.profile.get("score")
    now = profile_frame(watched.scored, numbers=["score"], categories=[]).iloc[0]
    if before is None or before["quantiles"] is None or now["quantiles"] is None:
        return None
    return quantile_distance(json.loads(before["quantiles"]), json.loads(now["quantiles"]))


def _predictions(watched: Watched) -> str:
    shift, mean = score_shift(watched), watched.scored["score"].mean()
    if shift is None:
        return f"Predictions: mean {mean:.3f}; the champion keeps no reference of its scores"
    before = watched.reference.profile["score"]["mean"]
    moved = "moved" if shift > _SCORE_MOVED else "hardly moved"
    return f"Predictions {moved}: mean {before:.3f} -> {mean:.3f}, {shift:.2f} deviations from the holdout's"


_CONFIRMED = {
    Verdict.WARN: "Labels confirm it: the loss rose",
    Verdict.PASS: "Labels do not confirm it: the loss is as on the holdout",
    Verdict.UNDECIDED: "Labels cannot say yet",
}


def _labels(performed: Decision, concept: Decision) -> str:
    said = f"{_CONFIRMED[performed.verdict]} ({'; '.join(performed.reasons)})"
    if concept.verdict is Verdict.WARN:
        said += f"; the same scores turn out otherwise: {concept.reasons[0]}"
    return said
