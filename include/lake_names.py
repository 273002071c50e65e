"""The tables of the lake, the columns that all of them share, and the name of a set of rows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

TABLES = (
    "batches",
    "quarantine",
    "snapshots",
    "profiles",
    "features",
    "feature_profiles",
    "feature_aggregates",
    "labels",
    "predictions",
    "metrics",
)
SIDE_TABLE_PREFIX = "side_"
PARTITION = "partition"
ROW_KEY = "row_key"
LABEL = "label"
FEATURE_SET_VERSION = "feature_set_version"  # several may stand side by side in one partition
RELEASED_BY = "released_by"  # the decision that let in a row which had been set aside; null for all others
AUDIT_COLUMNS = (
    PARTITION,
    "known_at",
    "ingested_at",
    "source_hash",
    "contract_hash",
    "content_hash",
    RELEASED_BY,
)


class TableRef(BaseModel):
    """The name of a set of rows that can be read again byte for byte.

    >>> str(TableRef(use_case="flights", table="features", version=7, first="2013-01-07", last="2013-01-13"))
    'flights/features@7[2013-01-07..2013-01-13]'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    table: str
    version: int
    first: str
    last: str

    def __str__(self) -> str:
        return f"{self.use_case}/{self.table}@{self.version}[{self.first}..{self.last}]"
