"""What lineage states, and how it is read from the lake and from decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Decision
from include.errors import NotFound
from include.hashing import digest, digest_bytes
from include.lake import Lake
from include.storage import ObjectStore

if TYPE_CHECKING:
    import pandas as pd

# The names under which the stages record; lineage reads their traces and imports none of them.
INGESTION, FEATURES, TRAINING, EVALUATION = "ingestion", "features", "training", "evaluation"
BATCH = "batch"
HASHES = ["content_hash", "source_hash", "contract_hash"]

FileState = Literal["intact", "changed", "missing", "absent", "removed"]


class Fact(BaseModel):
    """Base of what lineage states."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rows(Fact):
    """The rows of one partition in one table. `named` is what they all say, such as the model's version."""

    rows: int
    content_hash: str
    source_hash: str
    contract_hash: str
    named: dict[str, str]


class Row(Fact):
    """One row, by its key. Score and label are None where it has none."""

    row_key: str
    event_time: str
    score: float | None
    label: int | None
    features: dict[str, Any]


class RawFile(Fact):
    """A file as it landed.

    Attributes:
        state: what hashing it again showed; `absent`: none was ever taken over; `removed`: by retention.
    """

    table: str
    partition: str
    source: str
    address: str
    sha256: str
    size: int
    state: FileState


@dataclass
class Remarks:
    """What is noticed on the way.

    Attributes:
        broken: links that do not hold.
        notes: what a reader should know besides.
    """

    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_rows(
    lake: Lake,
    use_case: str,
    table: str,
    partition: str,
    *,
    columns: list[str] | None = None,
    feature_set_version: str | None = None,
) -> pd.DataFrame | None:
    """Return the rows of a partition, of one feature set if asked, or None when the table holds none."""
    if lake.find(use_case, table) is None:
        return None
    rows = lake.read(
        use_case, table, partitions=[partition], columns=columns, feature_set_version=feature_set_version
    )
    return None if rows.empty else rows


def rows_of(
    lake: Lake,
    use_case: str,
    table: str,
    partition: str,
    *named: str,
    feature_set_version: str | None = None,
) -> Rows | None:
    """Return what is stored of a partition, or None when the table holds no row of it.

    The `named` columns say the same in every row and are returned with the hashes.
    """
    rows = read_rows(
        lake,
        use_case,
        table,
        partition,
        columns=[*HASHES, *named],
        feature_set_version=feature_set_version,
    )
    if rows is None:
        return None
    first = {name: str(rows[name].iloc[0]) for name in rows.columns}
    return Rows(
        rows=len(rows),
        content_hash=first["content_hash"],
        source_hash=first["source_hash"],
        contract_hash=first["contract_hash"],
        named={name: first[name] for name in named},
    )


def landed_files(decision: Decision) -> list[dict[str, Any]]:
    """Return the files that an ingestion decision was about."""
    return [dict(file) for file in decision.evidence.get("files", [])]


def source_hash(decision: Decision, table: str) -> str:
    """Return what the rows of a table say they were made from: the hash of its file, or of those of many."""
    hashes = [str(file["sha256"]) for file in landed_files(decision) if file["table"] == table]
    return hashes[0] if len(hashes) == 1 else digest(hashes)


def table_versions(decision: Decision) -> set[str]:
    """Return the tables and versions that a decision names, without their partitions."""
    return {ref.split("[", maxsplit=1)[0] for ref in decision.data_refs}


def raw_file(raw: ObjectStore, use_case: str, partition: str, landed: dict[str, Any]) -> RawFile:
    """Find a landed file in the raw store and hash it again."""
    # The raw store may have moved since; below its root nothing does.
    key = f"{use_case}/{landed['table']}/{PurePosixPath(landed['raw'] or landed['sha256']).name}"
    return RawFile(
        table=landed["table"],
        partition=partition,
        source=landed["source"],
        address=raw.address(key) if landed["sha256"] else "",
        sha256=landed["sha256"],
        size=landed["size"],
        state=_state(raw, key, landed["sha256"]),
    )


def _state(raw: ObjectStore, key: str, sha256: str) -> FileState:
    if not sha256:
        return "absent"
    try:
        return "intact" if digest_bytes(raw.get(key)) == sha256 else "changed"
    except NotFound:
        return "missing"
