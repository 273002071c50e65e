"""Assembling labelled rows point in time, for training, evaluation and monitoring alike.

A row is used when it and its label were known by the as-of. A set is named by table, version and partitions,
so it can be read again byte for byte until retention removes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
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

EVENT_AFTER_AS_OF = "events after the as-of"
KNOWN_BEFORE_EVENT = "rows known before their event"
LABEL_BEFORE_DELAY = "labels known before their delay was over"


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
        impossible: rows that cannot be what they say, by what is wrong with them. Those whose event comes
            after the as-of are left out.
        built_otherwise: asked-for partitions that hold features of other versions only, by version.
        content: hash of the partitions' contents; it stays when other partitions are written.
    """

    rows: pd.DataFrame
    refs: list[TableRef]
    missing: list[str]
    content: str
    impossible: dict[str, int] = field(default_factory=dict)
    built_otherwise: dict[str, list[str]] = field(default_factory=dict)

    def of(self, days: list[str]) -> pd.DataFrame:
        """Return the rows of some partitions."""
        return self.rows[self.rows[PARTITION].isin(days)]


def read_labelled(
    use_case: UseCase,
    days: list[str],
    as_of: str,
    lake: Lake,
    *,
    feature_set_version: str | None = None,
    versions: dict[str, int] | None = None,
) -> LabelledRows:
    """Read the rows of some partitions whose features and labels were known by the as-of.

    Args:
        use_case: whose rows.
        days: partitions to read.
        as_of: data time by which a row and its label must have been known.
        lake: where the tables lie.
        feature_set_version: whose features; None where the tables are known to hold one set only.
        versions: table versions to read; the newest where left out.
    """
    import pandas as pd

    known_by = partitions.parse(as_of)
    versions = versions or {table: lake.version(use_case.name, table) for table in ("features", "labels")}
    if not days or min(versions.values()) < 0:
        empty = pd.DataFrame(columns=[ROW_KEY, PARTITION, "feature_set_version", LABEL])
        return LabelledRows(rows=empty, refs=[], missing=days, content=digest([]))
    frames = {
        table: lake.read(
            use_case.name,
            table,
            partitions=days,
            version=version,
            known_by=known_by,
            feature_set_version=feature_set_version if table == "features" else None,
        )
        for table, version in versions.items()
    }
    rows, impossible = _joined(use_case, frames["features"], frames["labels"], known_by)
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
        impossible=impossible,
        built_otherwise=_built_otherwise(use_case, days, feature_set_version, versions["features"], lake),
    )


def _joined(
    use_case: UseCase, features: pd.DataFrame, labels: pd.DataFrame, known_by: date
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return features with their labels, where both were known by then, and how many rows are impossible."""
    labels = labels[[PARTITION, ROW_KEY, LABEL, "known_at"]].dropna(subset=[LABEL])
    # Whatever a table says, an outcome is not known before its delay is over.
    due = _dates(labels[PARTITION], later=use_case.labels.delay_days)
    happened = _event_dates(use_case, features)
    impossible = {
        EVENT_AFTER_AS_OF: int((happened > known_by).sum()),
        KNOWN_BEFORE_EVENT: int((happened > features["known_at"]).sum()),
        LABEL_BEFORE_DELAY: int((labels["known_at"] < due).sum()),
    }
    features, labels = features[~(happened > known_by)], labels[due <= known_by].drop(columns="known_at")
    # A key names a row of one partition: the same customer may stand in every day's batch.
    rows = features.merge(labels, on=[PARTITION, ROW_KEY], how="inner", validate="one_to_one")
    return rows, {fault: count for fault, count in impossible.items() if count}


def _built_otherwise(
    use_case: UseCase, days: list[str], wanted: str | None, version: int, lake: Lake
) -> dict[str, list[str]]:
    """Return the days without rows of the wanted feature set, by the others that stand there."""
    if wanted is None:
        return {}
    standing = lake.feature_set_versions(use_case.name, version=version)
    lacking = set(days) - set(standing.pop(wanted, {}))
    found = {other: sorted(lacking & set(there)) for other, there in standing.items()}
    return {other: there for other, there in found.items() if there}


def _event_dates(use_case: UseCase, features: pd.DataFrame) -> pd.Series:
    """Return the date of each row's event, where the source is; of its partition for rows without a time."""
    import pandas as pd

    days = _dates(features[PARTITION])
    if "event_time" not in features:
        return days
    times = pd.to_datetime(features["event_time"], utc=True).dt.tz_convert(use_case.source.timezone)
    return times.dt.date.where(times.notna(), days)


def _dates(keys: pd.Series, *, later: int = 0) -> pd.Series:
    """Return the date of each partition key, so many days later."""
    dates = {key: partitions.parse(key) + timedelta(days=later) for key in keys.unique()}
    # Without any row pandas would make numbers of them, which are no dates to compare with.
    return keys.map(dates).astype(object)
