"""Ranks among the past: how unusual is today, judged only by what was seen before.

A conformal p-value needs no distribution, only that today and its past are exchangeable: with n past values
it is at most alpha in at most alpha of all cases. It can never be smaller than 1 / (n + 1).

The past must hold what was refused too. Where refusals are left out, a new season is never learned and every
day of it is refused: 15 % of New York's days of 2013 instead of 1.3 %. Leave out only known special days and
batches that a person has found to be faulty; one such batch that stays hides lesser ones for `past` days.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from include import partitions
from include.stats.arguments import Vector, finite_vector


@dataclass(frozen=True)
class VolumeRank:
    """Where the size of one batch stands among earlier ones."""

    count: int
    expected: float
    deviation: float
    past: int
    p_value: float

    @property
    def smallest_p_value(self) -> float:
        """The least p-value that this much past allows: above alpha, the rule cannot refuse yet."""
        return 1 / (self.past + 1)


def rank_p_value(value: float, history: Sequence[float] | Vector) -> float:
    """Conformal p-value of a value: (1 + #{h >= value}) / (n + 1), where large values are unusual.

    NaN in the history is dropped and not counted in n: a deviation that is unknown stands neither above nor
    below. An infinity is a value like any other. An empty history gives 1.

    Raises:
        ValueError: the value is NaN, so it has no rank.

    Source: Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, chapter 2.

    >>> rank_p_value(5.0, [1.0, 2.0, 5.0, float("nan")])
    0.5
    """
    if math.isnan(value):
        raise ValueError("The value to be ranked is NaN; treat the check as not decided, or mend its input")
    past = np.asarray(history, dtype=np.float64)
    past = past[~np.isnan(past)]
    return (1 + int((past >= value).sum())) / (len(past) + 1)


def volume_deviation(count: int, same_weekday_counts: Sequence[int]) -> float:
    """Deviation of a count from the median of earlier counts: |log(count / median)|.

    The logarithm makes half and double equally far. No rows where rows are usual, or rows where none are
    usual, deviate infinitely; no rows where none are usual deviate by 0.

    Args:
        count: rows of the batch, 0 or more.
        same_weekday_counts: rows of earlier batches of the same weekday, one or more.

    Raises:
        ValueError: nothing to compare with, or a count that is negative or not finite.

    >>> round(volume_deviation(800, [1000, 990, 1010, 1000]), 3)
    0.223
    >>> volume_deviation(0, [1000, 990]), volume_deviation(0, [0, 0])
    (inf, 0.0)
    """
    earlier = finite_vector(same_weekday_counts, "same_weekday_counts")
    if not (count >= 0 and math.isfinite(count)) or (earlier < 0).any():
        raise ValueError(f"Row counts are {count} and {earlier.tolist()}; a count is a number of 0 or more")
    median = float(np.median(earlier))
    if count == median:
        return 0.0
    return math.inf if count == 0 or median == 0 else abs(math.log(count / median))


def volume_p_value(
    partition: str,
    counts: Mapping[str, int],
    *,
    weeks: int = 4,
    past: int = 100,
    known_days: Collection[str] = (),
) -> VolumeRank | None:
    """Rank the size of a batch by its deviation from the same weekdays before it.

    Each partition deviates from the median of the last `weeks` partitions of its weekday, and today's
    deviation is ranked among those of the last `past` partitions. Later partitions are never read.

    Args:
        partition: the key to judge; its count is in `counts`.
        counts: rows by partition key, refused batches included (see the module's note).
        weeks: same weekdays that make the expectation, 1 or more.
        past: deviations that make the ranking, 1 or more; a refusal at alpha needs 1 / alpha - 1 of them.
        known_days: special days, such as holidays; used neither as expectation nor in the ranking.

    Returns:
        The rank with its evidence, or None where fewer than `weeks` earlier same weekdays exist.

    Raises:
        ValueError: the partition has no count, or `weeks` or `past` is below 1.

    Source: Laxhammar & Falkman (2010), Conformal Prediction for Distribution-Independent Anomaly Detection.
    """
    if partition not in counts:
        raise ValueError(f"Partition {partition} has no row count; add it to the {len(counts)} counts")
    if weeks < 1 or past < 1:
        raise ValueError(f"weeks is {weeks} and past is {past}; both must be at least 1")
    earlier = sorted(key for key in counts if key < partition and key not in known_days)
    usual = _same_weekdays([*earlier, partition], counts, weeks)
    if partition not in usual:
        return None
    ranked = list(usual.items())[-past - 1 :]
    *history, today = [volume_deviation(counts[key], same) for key, same in ranked]
    expected = float(np.median(usual[partition]))
    return VolumeRank(counts[partition], expected, today, len(history), rank_p_value(today, history))


def _same_weekdays(ordered: Sequence[str], counts: Mapping[str, int], weeks: int) -> dict[str, list[int]]:
    """Counts of the last same weekdays before each key; keys with fewer than `weeks` of them are left out."""
    seen: defaultdict[int, list[int]] = defaultdict(list)
    usual = {}
    for key in ordered:
        same_weekday = seen[partitions.parse(key).weekday()]
        if len(same_weekday) >= weeks:
            usual[key] = same_weekday[-weeks:]
        same_weekday.append(counts[key])
    return usual
