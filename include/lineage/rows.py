"""One row of a partition, by its key."""

from __future__ import annotations

from typing import Any

from include.errors import NotFound
from include.lake import LABEL, ROW_KEY, Lake
from include.lineage.facts import HASHES, Row, read_rows

_NO_FEATURES = {ROW_KEY, "event_time", "known_at", "partition", "ingested_at", "feature_set_version", *HASHES}


def find_row(
    lake: Lake, use_case: str, partition: str, row_key: str, feature_set_version: str | None = None
) -> Row:
    """Return one row with its features, of one feature set if asked, its score and its label.

    Raises:
        NotFound: the partition has no such row, or no features at all.
    """
    found: dict[str, Any] = {}
    for table in ("features", "labels", "predictions"):
        wanted = feature_set_version if table == "features" else None
        rows = read_rows(lake, use_case, table, partition, feature_set_version=wanted)
        if rows is not None and (rows[ROW_KEY] == row_key).any():
            found[table] = rows[rows[ROW_KEY] == row_key].astype(object).iloc[0].dropna().to_dict()
        elif rows is not None and table == "features":
            raise NotFound(
                f"{use_case} has no row {row_key!r} on {partition}; a key looks like "
                f"{rows[ROW_KEY].iloc[0]!r}"
            )
    if "features" not in found:
        raise NotFound(f"{use_case} has no features on {partition}, so no row can be shown")
    values = found["features"]
    label = found.get("labels", {}).get(LABEL)
    return Row(
        row_key=row_key,
        event_time=values["event_time"].isoformat(),
        score=found.get("predictions", {}).get("score"),
        label=None if label is None else int(label),
        features={name: value for name, value in values.items() if name not in _NO_FEATURES},
    )
