"""How far a partition's features lie from the days before it, and whether that is unusual for this stream.

Distances are taken between profiles, never between rows. Each column's distance is divided by its own usual
one, so that columns of any kind and unit can be compared; the largest ratio is the partition's drift
magnitude, and it is ranked among the magnitudes of the days before (Vovk et al. 2005). Two samples of real
days always differ, so a test of equality would alarm every week; the rank asks whether they differ more than
days here usually do.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict
from include.stats.conformal import rank_p_value
from include.stats.distance import quantile_distance, total_variation
from include.use_case_sections import Drift

if TYPE_CHECKING:
    import pandas as pd

GATE = "drift"
RULE = "conformal rank of the drift magnitude in the stream's own history (Vovk et al. 2005)"
_MIN_TRAILING = 7
_NAMED_COLUMNS = 3


class DriftEvidence(BaseModel):
    """Figures of one partition's drift.

    Attributes:
        magnitude: largest ratio of a column's distance to its usual distance; None with too little history.
        columns: that ratio by column, largest first.
        history: earlier magnitudes that it is ranked in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["drift"] = "drift"
    magnitude: float | None
    columns: dict[str, float]
    history: int
    p_value: float | None


def check(evidence: DriftEvidence, policy: Drift) -> Ruling:
    """Judge a partition's drift. `warn` marks the partition; whether to act is for the retraining gate."""
    if evidence.magnitude is None or evidence.p_value is None or evidence.history < policy.min_history:
        reason = f"{evidence.history} earlier days to compare with, needed {policy.min_history}"
        return Ruling(verdict=Verdict.UNDECIDED, reasons=[reason], rule=RULE, error_rate=policy.alpha)
    # Read back from the ledger, the columns stand in the order of their names.
    leading = sorted(evidence.columns.items(), key=lambda item: -item[1])[:_NAMED_COLUMNS]
    named = ", ".join(f"{column} {ratio:.1f} times its usual distance" for column, ratio in leading)
    reason = f"p = {evidence.p_value:.3f} among {evidence.history} days; {named}"
    marked = evidence.p_value <= policy.alpha
    return Ruling(
        verdict=Verdict.WARN if marked else Verdict.PASS, reasons=[reason], rule=RULE, error_rate=policy.alpha
    )


def days_needed(policy: Drift) -> int:
    """Return how many days before a partition its drift rests on: a bound that no history outgrows."""
    return policy.trailing_days + policy.max_history + 2 * policy.gap_days


def drift_evidence(profiles: pd.DataFrame, partition: str, policy: Drift) -> DriftEvidence:
    """Compute the drift of a partition.

    The newest `gap_days` before a day are neither what it is compared with nor ranked with: otherwise a
    change that stays would hide itself from the second day on.

    Args:
        profiles: rows of `feature_profiles` of the partition and of the `days_needed` days before it.
        partition: the day that is judged.
        policy: how far to look back.
    """
    days = sorted(set(profiles["partition"].astype(str)))
    first = _MIN_TRAILING + policy.gap_days
    distances: dict[str, dict[str, float]] = {day: {} for day in days[first:]}
    for column, rows in profiles.groupby("column"):
        stream = _Stream(rows.set_index("partition").reindex(days))
        for index, day in enumerate(days[first:], start=first):
            newest = index - policy.gap_days
            trailing = slice(max(0, newest - policy.trailing_days), newest)
            for name, distance in stream.distances(index, trailing):
                distances[day][f"{column}{name}"] = distance
    settled = days[: max(len(days) - 1 - policy.gap_days, 0)]
    past = [day for day in settled if distances.get(day)][-policy.max_history :]
    if not distances.get(partition) or len(past) < policy.min_history:
        return DriftEvidence(magnitude=None, columns={}, history=len(past), p_value=None)
    usual = _usual([distances[day] for day in past])
    ratios = {day: _ratios(distances[day], usual) for day in [*past, partition]}
    magnitude = max(ratios[partition].values())
    return DriftEvidence(
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
