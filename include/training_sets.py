"""Assembling labelled rows point in time, for training, evaluation and monitoring alike.

A row is used when it and its label were known by the as-of. A set is named by table, version and partitions,
so it can be read again byte for byte until retention removes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.hashing import digest
from include.lake import LABEL, PARTITION, ROW_KEY, Lake, TableRef
from include.problems import kind_of
from include.use_case import UseCase
from include.use_case_sections import Training

if TYPE_CHECKING:
    import pandas as pd


class Window(BaseModel):
    """The data dates of a training: learned from, and held out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: list[str]
    holdout: list[str]


def window_of(use_case: UseCase, as_of: str) -> Window:
    """Split the days before the as-of by time: the newest are held out, the embargo lies between."""
    rule: Training = use_case.training
    last = partitions.parse(partitions.last_visible(as_of))
    first = max(last - timedelta(days=rule.window_days - 1), use_case.source.start_date)
    days = partitions.span(partitions.key_of(first), partitions.key_of(last))
    cut = max(len(days) - rule.holdout_days, 0)
    return Window(train=days[: max(cut - rule.embargo_days, 0)], holdout=days[cut:])


@dataclass(frozen=True)
class LabelledRows:
    """Rows with their labels.

    Attributes:
        rows: `row_key`, `partition`, features, `feature_set_version` and `label`.
        refs: the versions of the tables that they were read from.
        missing: asked-for partitions that hold no usable row.
        content: hash of the partitions' contents; it stays when other partitions are written.
    """

    rows: pd.DataFrame
    refs: list[TableRef]
    missing: list[str]
    content: str

    def of(self, days: list[str]) -> pd.DataFrame:
        """Return the rows of some partitions."""
        return self.rows[self.rows[PARTITION].isin(days)]


def read_labelled(
    use_case: UseCase, days: list[str], as_of: str, lake: Lake, *, versions: dict[str, int] | None = None
) -> LabelledRows:
    """Read the rows of some partitions whose features and labels were known by the as-of.

    Args:
        use_case: whose rows.
        days: partitions to read.
        as_of: data time by which a row and its label must have been known.
        lake: where the tables lie.
        versions: table versions to read; the newest where left out.
    """
    import pandas as pd

    known_by = partitions.parse(as_of)
    versions = versions or {table: lake.version(use_case.name, table) for table in ("features", "labels")}
    if not days or min(versions.values()) < 0:
        empty = pd.DataFrame(columns=[ROW_KEY, PARTITION, "feature_set_version", LABEL])
        return LabelledRows(rows=empty, refs=[], missing=days, content=digest([]))
    frames = {
        table: lake.read(use_case.name, table, partitions=days, version=version, known_by=known_by)
        for table, version in versions.items()
    }
    # A key names a row of one partition: the same customer may stand in every day's batch.
    labels = frames["labels"][[PARTITION, ROW_KEY, LABEL]].dropna(subset=[LABEL])
    rows = frames["features"].merge(labels, on=[PARTITION, ROW_KEY], how="inner", validate="one_to_one")
    refs = [
        TableRef(use_case=use_case.name, table=table, version=version, first=days[0], last=days[-1])
        for table, version in sorted(versions.items())
    ]
    present = set(rows[PARTITION])
    return LabelledRows(
        rows=rows.assign(**{LABEL: kind_of(use_case.problem).read(rows[LABEL])}),
        refs=refs,
        missing=[day for day in days if day not in present],
        content=digest([sorted(set(frame["content_hash"])) for _, frame in sorted(frames.items())]),
    )
