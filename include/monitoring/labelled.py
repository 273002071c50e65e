"""Scored rows whose labels have arrived, day by day, whatever state the two tables are in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from include import partitions
from include.lake import LABEL, PARTITION, ROW_KEY
from include.problems import kind_of

if TYPE_CHECKING:
    import pandas as pd

    from include.lake import Lake
    from include.use_case import UseCase


@dataclass(frozen=True)
class Labelled:
    """Scores and labels of some days.

    Attributes:
        rows: `partition`, `row_key`, `label`, the columns of the score, and `loss`; each row once.
        contradicted: rows that have both labels, known since the same day; nobody can say which holds.
        foreign: rows that another champion scored.
        repeated: predictions beyond the first of a row.
        early: labels that were known before their prediction.
    """

    rows: pd.DataFrame
    contradicted: int
    foreign: int
    repeated: int
    early: int


def newest_labelled(use_case: UseCase, partition: str) -> str:
    """Return the newest date whose labels should be known when a partition is watched."""
    return partitions.shift(partition, 1 - max(use_case.labels.delay_days, 1))


def read_labelled(
    use_case: UseCase, days: list[str], promotion_id: str, lake: Lake, *, known_by: date
) -> Labelled:
    """Read what one champion scored on some days together with the labels known by a date.

    A label that was corrected counts as it was last known by then.
    """
    name, kind = use_case.name, kind_of(use_case.problem)
    scores = lake.read(name, "predictions", partitions=days, known_by=known_by)
    labels = lake.read(
        name, "labels", partitions=days, columns=[PARTITION, ROW_KEY, LABEL, "known_at"], known_by=known_by
    )
    own = scores[scores["promotion_id"] == promotion_id]
    first = own.drop_duplicates([PARTITION, ROW_KEY])
    settled, contradicted = _settled(labels.dropna(subset=[LABEL]))
    joined = first.merge(settled, on=[PARTITION, ROW_KEY], suffixes=("", "_label"))
    joined = joined.assign(**{LABEL: kind.read(joined[LABEL])})
    return Labelled(
        rows=joined.assign(loss=kind.row_losses(joined[LABEL].to_numpy(), kind.restored(joined))),
        contradicted=contradicted,
        foreign=len(scores) - len(own),
        repeated=len(own) - len(first),
        early=int((joined["known_at_label"] < joined["known_at"]).sum()),
    )


def _settled(labels: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return one label a row, the one known last, without rows whose last labels contradict each other."""
    keys = [PARTITION, ROW_KEY]
    if not labels.duplicated(keys).any():
        return labels, 0
    last = labels[labels["known_at"] == labels.groupby(keys)["known_at"].transform("max")]
    both = last.groupby(keys)[LABEL].transform("nunique") > 1
    contradicted = len(last[both].drop_duplicates(keys))
    return last[~both].drop_duplicates(keys), contradicted
