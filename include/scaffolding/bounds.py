"""The limits of a first contract: tight around what was seen, with room for what was not yet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from include.stats.proportions import share_bounds

ALPHA = 0.01
# Half of the span between the 1st and the 99th hundredth on each side.
_ROOM = 0.5
_DIGITS = 2


def value_range(values: np.ndarray, *, whole: bool) -> tuple[float, float]:
    """Return a range that holds all values and half of their usual span more on each side.

    The span is that between the 1st and the 99th hundredth, so one extreme value does not stretch it. A range
    of values that are never negative starts at 0, and ends are rounded outward to two digits of the span.

    Args:
        values: finite numbers, at least one.
        whole: whether the column holds integers.

    >>> value_range(np.array([0.0, 10.0, 20.0]), whole=False)
    (0.0, 30.0)
    """
    low, high = float(values.min()), float(values.max())
    first, last = np.quantile(values, [0.01, 0.99])
    room = _ROOM * float(last - first) or _ROOM * max(abs(high), 1.0)
    unit = 10.0 ** (math.floor(math.log10(room)) - _DIGITS + 1)
    if whole:
        unit = max(unit, 1.0)
    lower = 0.0 if low >= 0 else min(math.floor((low - room) / unit) * unit, low)
    upper = max(math.ceil((high + room) / unit) * unit, high)
    return _plain(lower), _plain(upper)


def _plain(value: float) -> float:
    return float(f"{value:.12g}")


def null_limit(nulls: Sequence[int], rows: Sequence[int]) -> float:
    """Return the share of nulls that a batch may have: the largest upper bound of a day.

    The bound is that of Clopper & Pearson (1934) at alpha .01, of the day with the most nulls for its size,
    and never below that of all days together. A column without a null so far gets a small share instead of
    none, because no sample shows that a null can never come.

    Args:
        nulls: of each day.
        rows: of each day.

    >>> null_limit([0, 0], [500, 500])
    0.0047
    """
    days = [share_bounds(count, total, ALPHA)[1] for count, total in zip(nulls, rows, strict=True) if count]
    limit = max([share_bounds(sum(nulls), sum(rows), ALPHA)[1], *days])
    return min(math.ceil(limit * 10_000) / 10_000, 1.0)


def closed_set(counts: Sequence[int]) -> bool:
    """Tell whether the values of a column look like all that there are.

    By Good (1953) and Turing, the share of rows with a value never seen before is about that of the values
    that were seen once. A set is closed when no value was seen less than three times.

    Args:
        counts: how often each value was seen.
    """
    return bool(counts) and min(counts) >= 3  # noqa: PLR2004 -- see above


def volume_limits(rows: Sequence[int]) -> tuple[int, int]:
    """Return how many rows a batch may have: from half of the least to twice the most seen."""
    return max(min(rows) // 2, 1), 2 * max(rows)


def volume_ratio(days: Sequence[str], rows: Sequence[int]) -> float:
    """Return the factor by which a day may differ from the median of earlier same weekdays.

    A quarter more than was seen, and at least 2.

    Args:
        days: partition keys, in order.
        rows: of each.
    """
    from include import partitions

    seen = [1.0]
    for place, day in enumerate(days):
        earlier = [rows[days.index(other)] for other in partitions.same_weekday(day, days[:place])][-4:]
        if earlier:
            usual = float(np.median(earlier))
            seen.append(max(rows[place] / usual, usual / rows[place]))
    return max(2.0, math.ceil(max(seen) * 12.5) / 10)
