"""What the features of a partition were made from, in one short text that can be compared part by part.

Features say it as their `source_hash`: the batch, what they see of side tables, and what they see of the
past. When one part differs from what stands in the tables now, the partition is to be built again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from include import partitions
from include.hashing import digest, digest_bytes

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

_DIGITS = 16
_PARTS = 3
# Sums of a past day, by the day from which they may be seen, with the hash of their rows.
Past = Mapping[str, Mapping["date", str]]


class FeatureSource(NamedTuple):
    """The parts, 16 hex digits each.

    Attributes:
        batch: hash of the batch's content.
        side_tables: of what stood in the side tables where the events look.
        history: of what was known of the days in the window.
    """

    batch: str
    side_tables: str
    history: str

    def __str__(self) -> str:
        return "-".join(self)

    @classmethod
    def read(cls, text: str) -> FeatureSource | None:
        """Return the parts of a `source_hash`, or None where an earlier release wrote it as one hash."""
        parts = text.split("-")
        return cls(*parts) if len(parts) == _PARTS else None


def batch_hash(content_hash: str) -> str:
    """Return how features and decisions name the content of a batch."""
    return digest([content_hash])[:_DIGITS]


def side_hash(contents: Mapping[str, Sequence[str]]) -> str:
    """Return the hash of what stands in the partitions of side tables that a batch's events look into."""
    return digest({table: list(hashes) for table, hashes in sorted(contents.items())})[:_DIGITS]


def history_hash(past: Past, day: str, window_days: int) -> str:
    """Return the hash of what rows of a data date see of the days before.

    Args:
        past: as `past_of` returns it.
        day: the data date.
        window_days: of the longest window; 0 when no feature follows the past.
    """
    date_ = partitions.parse(day)
    window = partitions.span(partitions.shift(day, -window_days), partitions.shift(day, -1))
    seen = [
        [other, str(known), content]
        for other in window
        for known, content in sorted(past.get(other, {}).items())
        if known <= date_
    ]
    return digest(seen)[:_DIGITS]


def past_of(aggregates: pd.DataFrame) -> dict[str, dict[date, str]]:
    """Hash the sums of each day apart by the day from which they may be seen.

    Args:
        aggregates: as `feature_aggregates` holds them, in any order.
    """
    import numpy as np
    import pandas as pd

    columns = [name for name in ("grouping", "entity", "value", "count", "total") if name in aggregates]
    hashes = pd.util.hash_pandas_object(aggregates[columns], index=False).to_numpy()
    found: dict[str, dict[date, str]] = {}
    for key, places in aggregates.groupby(["partition", "known_at"]).indices.items():
        day, known = cast("tuple[str, date]", key)
        found.setdefault(str(day), {})[known] = digest_bytes(np.sort(hashes[places]).tobytes())
    return found
