"""How far a partition lies from the days before it, ranked among how far days of this stream usually lie.

Distances are taken between profiles, never between rows. Each column's distance is divided by its own usual
one, so that columns of any kind and unit can be compared; the largest ratio is the partition's drift
magnitude, and it is ranked among the magnitudes of the days before. Two samples of real days always differ,
so a test of equality would alarm every week; the rank asks whether they differ more than days here usually
do.

Source: Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, chapter 2, for the rank.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from include.stats.conformal import rank_p_value
from include.stats.distance import quantile_distance, total_variation

if TYPE_CHECKING:
    import pandas as pd

_MIN_TRAILING = 7


@dataclass(frozen=True)
class DriftRank:
    """The drift of one partition.

    Attributes:
        magnitude: largest ratio of a column's distance to its usual distance; None with too little history.
        columns: that ratio by column, largest first.
        history: earlier magnitudes that it is ranked in.
    """

    magnitude: float | None
    columns: dict[str, float]
    history: int
    p_value: float | None


def days_needed(*, trailing_days: int, gap_days: int, max_history: int) -> int:
    """Return how many days before a partition its drift rests on: a bound that no history outgrows."""
    return trailing_days + max_history + 2 * gap_days


def drift_rank(
    profiles: pd.DataFrame,
    partition: str,
    *,
    trailing_days: int,
    gap_days: int,
    min_history: int,
    max_history: int,
) -> DriftRank:
    """Compute the drift of a partition.

    The newest `gap_days` before a day are neither what it is compared with nor ranked with: otherwise a
    change that stays would hide itself from the second day on.

    Args:
        profiles: rows of `profile_frame` with their `partition`, of the partition and of the `days_needed`
            days before it.
        partition: the day that is judged.
        trailing_days: days that a day is compared with.
        gap_days: newest days left out of comparison and ranking.
        min_history: magnitudes without which nothing is ranked.
        max_history: magnitudes at most to rank in.
    """
    days = sorted(set(profiles["partition"].astype(str)))
    first = _MIN_TRAILING + gap_days
    distances: dict[str, dict[str, float]] = {day: {} for day in days[first:]}
    for column, rows in profiles.groupby("column"):
        stream = _Stream(rows.set_index("partition").reindex(days))
        for index, day in enumerate(days[first:], start=first):
            newest = index - gap_days
            trailing = slice(max(0, newest - trailing_days), newest)
            for name, distance in stream.distances(index, trailing):
                distances[day][f"{column}{name}"] = distance
    settled = days[: max(len(days) - 1 - gap_days, 0)]
    past = [day for day in settled if distances.get(day)][-max_history:]
    if not distances.get(partition) or len(past) < min_history:
        return DriftRank(magnitude=None, columns={}, history=len(past), p_value=None)
    usual = _usual([distances[day] for day in past])
    ratios = {day: _ratios(distances[day], usual) for day in [*past, partition]}
    magnitude = max(ratios[partition].values())
    return DriftRank(
        magnitude=round(magnitude, 4),
        columns={
            column: round(ratio, 4)
            for column, ratio in sorted(ratios[partition].items(), key=lambda item: -item[1])
        },
        history=len(past),
        p_value=rank_p_value(magnitude, [max(ratios[day].values()) for day in past]),
    )


def _usual(distances: list[dict[str, float]]) -> dict[str, float]:
    columns = set().union(*distances)
    return {
        column: float(np.median([day[column] for day in distances if column in day])) for column in columns
    }


def _ratios(distances: dict[str, float], usual: dict[str, float]) -> dict[str, float]:
    # A column that never moves has no usual distance; a small floor keeps its first move finite.
    return {column: distance / max(usual.get(column, 0.0), 1e-3) for column, distance in distances.items()}


class _Stream:
    """The profiles of one column over the days, parsed once. A day without the column has no rows in it."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self._counts = rows["count"].fillna(0).to_numpy(dtype="float64")
        self._nulls = rows["nulls"].fillna(0).to_numpy(dtype="float64")
        self._quantiles = [json.loads(text) if isinstance(text, str) else None for text in rows["quantiles"]]
        self._categories = [
            json.loads(text) if isinstance(text, str) else None for text in rows["categories"]
        ]

    def distances(self, day: int, trailing: slice) -> Iterator[tuple[str, float]]:
        """Yield the distances of a day from the days before: of the values, and of the null share."""
        before = self._counts[trailing].sum()
        if not self._counts[day] or not before:
            return
        yield " (nulls)", abs(self._nulls[day] / self._counts[day] - self._nulls[trailing].sum() / before)
        quantiles = [row for row in self._quantiles[trailing] if row is not None]
        if (now := self._quantiles[day]) is not None and quantiles:
            # The mean of quantile functions is the average of the distributions in the Wasserstein sense.
            yield "", quantile_distance(np.mean(quantiles, axis=0), np.asarray(now))
        pooled: Counter[str] = Counter()
        for row in self._categories[trailing]:
            pooled.update(row or {})
        if (current := self._categories[day]) and pooled:
            yield "", total_variation(pooled, current)
