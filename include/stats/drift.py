"""How far a partition lies from the days before it, ranked among how far days of this stream usually lie.

Distances are taken between profiles, never between rows. How surprising a column's distance is, is told by
its logarithm, in standard deviations of that logarithm over the past: columns of any kind, unit and tail can
then be compared (wind is far from its mean every week; the share of an airport hardly ever). The largest
surprise is the partition's drift magnitude, and it is ranked among the magnitudes of the days before. Two
samples of real days always differ, so a test of equality would alarm every week; the rank asks whether they
differ more than days here usually do.

Source: Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, chapter 2, for the rank; the
day that is judged is part of what standardises, which keeps it exchangeable with its past.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from include import partitions
from include.stats.arguments import Vector
from include.stats.conformal import rank_p_value
from include.stats.distance import quantile_distances

if TYPE_CHECKING:
    import pandas as pd

Comparable = Literal["workdays_apart", "same_weekday", "all_days"]
# Two weeks of every kind of day come before the first magnitude: what one week shows is mostly that week.
_SETTLING_DAYS = 14
_FEWEST_COMPARED = 2
_SATURDAY = 5
# Movements below two points of a share, or a fiftieth of a standard deviation, are none.
_FLOOR = 0.02
_LEAST_SPREAD = 0.1


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column moved.

    Attributes:
        distance: in standard deviations for numbers, a share of rows for categories and nulls.
        usual: the median distance of the past.
        surprise: standard deviations of the logarithm above the usual one.
        marked_from: about the distance from which this column alone would mark the partition: what it shows
            of a change, and of chance, must be larger. None where the past is too short for any mark.
    """

    distance: float
    usual: float
    surprise: float
    marked_from: float | None = None


@dataclass(frozen=True)
class DriftRank:
    """The drift of one partition.

    Attributes:
        magnitude: largest surprise of a column; None with too little history.
        columns: the columns, the most surprising first.
        history: earlier magnitudes that it is ranked in.
        past: those magnitudes by partition, in order.
    """

    magnitude: float | None
    columns: dict[str, ColumnDrift]
    history: int
    p_value: float | None
    past: dict[str, float] = field(default_factory=dict)


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
    comparable: Comparable = "all_days",
    known_days: Collection[str] = (),
    alpha: float = 1 / 21,
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
        comparable: which of the trailing days a day is compared with: those of its kind (Saturday and Sunday
            apart from the others), of its weekday, or all.
        known_days: special days, such as holidays; used neither for comparison nor in the ranking.
        alpha: share of ordinary partitions that are marked, for `ColumnDrift.marked_from`.
    """
    days = sorted(set(profiles["partition"].astype(str)))
    compared = _compared(days, trailing_days, gap_days, comparable, known_days)
    names, distances = _distances(profiles, days, compared)
    settling = partitions.shift(days[0], gap_days + min(_SETTLING_DAYS, trailing_days)) if days else ""
    ranked = (compared.sum(axis=1) >= _FEWEST_COMPARED) & ~np.isnan(distances).all(axis=1)
    settled = partitions.shift(partition, -gap_days)
    usable = [i for i, day in enumerate(days) if ranked[i] and day >= settling and day not in known_days]
    past = [i for i in usable if days[i] < settled][-max_history:]
    today = days.index(partition) if partition in days else -1
    if today not in usable or len(past) < min_history:
        return DriftRank(magnitude=None, columns={}, history=len(past), p_value=None)
    return _ranked(names, distances[[*past, today]], [days[i] for i in past], alpha)


def _ranked(names: Sequence[str], distances: Vector, past: Sequence[str], alpha: float) -> DriftRank:
    """Rank the last row of the distances (days x columns) among those before it."""
    centre, spread = _usual_logs(distances)
    surprises = (np.log(distances + _FLOOR) - centre) / spread
    # A day on which no column can be compared has no largest surprise; none is among these.
    magnitudes = np.nanmax(surprises, axis=1)
    usual = _quietly(np.nanmedian, distances[:-1])
    highest = _highest_unmarked(magnitudes[:-1], alpha)
    order = [k for k in np.argsort(-surprises[-1], kind="stable") if not np.isnan(surprises[-1, k])]
    return DriftRank(
        magnitude=round(float(magnitudes[-1]), 4),
        columns={
            names[int(k)]: ColumnDrift(
                distance=round(float(distances[-1, k]), 6),
                usual=round(float(np.nan_to_num(usual[k])), 6),
                surprise=round(float(surprises[-1, k]), 4),
                marked_from=None
                if highest is None
                else round(float(np.exp(centre[k] + highest * spread[k])) - _FLOOR, 4),
            )
            for k in order
        },
        history=len(past),
        p_value=rank_p_value(float(magnitudes[-1]), magnitudes[:-1]),
        past={day: round(float(value), 4) for day, value in zip(past, magnitudes, strict=False)},
    )


def _usual_logs(distances: Vector) -> tuple[Vector, Vector]:
    """Centre and spread of the logarithms of the distances by column; the last row is the day judged."""
    logs = np.log(distances + _FLOOR)
    centre, spread = _quietly(np.nanmedian, logs), _quietly(np.nanstd, logs)
    return centre, np.maximum(np.nan_to_num(spread), _LEAST_SPREAD)


def _highest_unmarked(past: Vector, alpha: float) -> float | None:
    """Return the magnitude above which the rank marks; None where so short a past cannot mark at all."""
    allowed = math.floor(alpha * (len(past) + 1) + 1e-9)
    return float(np.sort(past)[-allowed]) if 1 <= allowed <= len(past) else None


def _quietly(statistic: Any, values: Vector) -> Vector:
    """Apply a statistic by column; a column without any value gives NaN, which is no news."""
    empty = np.isnan(values).all(axis=0)
    result: Vector = np.where(empty, np.nan, statistic(np.where(empty, 0.0, values), axis=0))
    return result


def _compared(
    days: Sequence[str], trailing: int, gap: int, comparable: Comparable, known_days: Collection[str]
) -> Vector:
    """Return for each day (row) which days it is compared with: 1 or 0."""
    dates = [partitions.parse(day) for day in days]
    ordinal = np.array([date.toordinal() for date in dates])
    weekday = np.array([date.weekday() for date in dates])
    ordinary = np.array([day not in known_days for day in days], dtype=bool)
    age = ordinal[:, None] - ordinal[None, :]
    chosen = (age > gap) & (age <= gap + trailing) & ordinary[None, :]
    if comparable == "same_weekday":
        chosen &= weekday[:, None] == weekday[None, :]
    elif comparable == "workdays_apart":
        chosen &= (weekday[:, None] >= _SATURDAY) == (weekday[None, :] >= _SATURDAY)
    result: Vector = chosen.astype(np.float64)
    return result


def _distances(profiles: pd.DataFrame, days: Sequence[str], compared: Vector) -> tuple[list[str], Vector]:
    """Distances of each day (row) in each column and in its null share; NaN where there is nothing to say."""
    unique = profiles.drop_duplicates(["partition", "column"]).set_index(["partition", "column"])
    tables = {
        name: unique[name].unstack("column").reindex(list(days))
        for name in ("count", "nulls", "quantiles", "categories")
    }
    columns = [str(name) for name in tables["count"].columns]
    counts, nulls = (tables[name].fillna(0).to_numpy(dtype="float64") for name in ("count", "nulls"))
    names, found = [f"{column} (nulls)" for column in columns], [_null_distances(counts, nulls, compared)]
    quantiles, categories = tables["quantiles"].to_numpy(), tables["categories"].to_numpy()
    for k, column in enumerate(columns):
        distances = _value_distances(quantiles[:, k].tolist(), categories[:, k].tolist(), compared)
        if distances is not None:
            names.append(column)
            found.append(distances[:, None])
    return names, np.hstack(found) if columns else np.full((len(days), 1), np.nan)


def _null_distances(counts: Vector, nulls: Vector, compared: Vector) -> Vector:
    before = compared @ counts
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.abs(nulls / counts - (compared @ nulls) / before)
    result: Vector = np.where((counts > 0) & (before > 0), found, np.nan)
    return result


def _value_distances(quantiles: Sequence[Any], categories: Sequence[Any], compared: Vector) -> Vector | None:
    numbers: list[list[float] | None] = _parsed(quantiles)
    if any(row is not None for row in numbers):
        return _number_distances(numbers, compared)
    return _category_distances([row or {} for row in _parsed(categories)], compared)


def _parsed(texts: Sequence[Any]) -> list[Any]:
    """Read JSON texts, None where there is none, as one document: half the time of one after the other."""
    found: list[Any] = json.loads(
        f"[{','.join(text if isinstance(text, str) else 'null' for text in texts)}]"
    )
    return found


def _number_distances(parsed: Sequence[list[float] | None], compared: Vector) -> Vector:
    present = np.array([row is not None for row in parsed])
    width = len(next(row for row in parsed if row is not None))
    values = np.array([row if row is not None else [0.0] * width for row in parsed])
    weights = compared * present
    total = weights.sum(axis=1)
    usable = present & (total > 0)
    found = np.full(len(parsed), np.nan)
    # The mean of quantile functions is the average of the distributions in the Wasserstein sense.
    reference = (weights[usable] @ values) / total[usable][:, None]
    found[usable] = quantile_distances(reference, values[usable])
    return found


def _category_distances(parsed: Sequence[dict[str, int]], compared: Vector) -> Vector | None:
    known = {name: k for k, name in enumerate(sorted({name for row in parsed for name in row}))}
    if not known:
        return None
    counts = np.zeros((len(parsed), len(known)))
    for i, row in enumerate(parsed):
        counts[i, [known[name] for name in row]] = list(row.values())
    pooled, rows = compared @ counts, counts.sum(axis=1)
    before = pooled.sum(axis=1)
    usable = (rows > 0) & (before > 0)
    found = np.full(len(parsed), np.nan)
    gaps = pooled[usable] / before[usable][:, None] - counts[usable] / rows[usable][:, None]
    found[usable] = np.abs(gaps).sum(axis=1) / 2
    return found
