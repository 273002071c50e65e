"""The identity of a published partition: what exactly it is, from what it was made, by which rules, how good.

One row for each table of a partition in `<uc>/snapshots`, written when the batch is published and again when
rows are released or given up. A table of its own: the figures are few, and the rows of a batch are many.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.decisions import Decision
from include.errors import InvariantBroken, NotFound
from include.hashing import canonical_json, digest, digest_file
from include.lake import AUDIT_COLUMNS, SIDE_TABLE_PREFIX, Lake
from include.quarantine import DISCARDED, HELD, RELEASED, read_quarantine
from include.use_case import UseCase

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from include.workspace import Workspace

TABLE = "snapshots"
BATCH = "batch"
_ID_DIGITS = 32
_NOT_COMPARED = {"landed_at", "published_at"}
_IDENTITY = {"table", "file_hash", "content_hash", "schema_hash", "contract_hash", "transformation_hash"}


class Snapshot(BaseModel):
    """What one table of a partition is.

    Attributes:
        dataset_id: names the whole partition, side tables included: the same rows of the same files, typed
            alike, under the same contract and transformation, have the same.
        landed: rows that landed; they are the accepted, held, released and discarded ones.
        transformation_hash: of how the source is read, of what hides personal data, and of `features.py`.
        quality: violations and checked values of every rule that was evaluated.
        landed_at: when the newest of its files was put into the landing folder, by the wall clock; None for
            tables that are not files. A figure, never evidence.
        published_at: when this delivery was first published, by the wall clock. A figure as well.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset_id: str
    table: str
    file_hash: str
    content_hash: str
    schema_hash: str
    contract_hash: str
    transformation_hash: str
    decision_id: str
    landed: int
    accepted: int
    held: int = 0
    released: int = 0
    discarded: int = 0
    quality: dict[str, tuple[int, int]]
    landed_at: datetime | None
    published_at: datetime


def take_snapshot(
    use_case: UseCase, partition: str, decision: Decision, workspace: Workspace
) -> list[Snapshot]:
    """Read what the lake holds of a partition now and record its identity; the same again changes nothing.

    Args:
        use_case: whose partition it is.
        partition: its key.
        decision: the ingestion that let it in.
        workspace: where to read and write.

    Raises:
        InvariantBroken: the rows in the lake and in the quarantine are not those that landed.
    """
    aside = read_quarantine(workspace.lake, use_case.name, [partition])
    found: list[Snapshot] = []
    for table in (BATCH, *use_case.source.side_tables):
        snapshot = _of_table(use_case, partition, table, decision, workspace)
        if snapshot is not None:
            states = aside[aside["table"] == table]["state"].value_counts()
            found.append(_counted(snapshot, {str(state): int(rows) for state, rows in states.items()}))
    _check_landed(found, partition, decision)
    identity = digest([item.model_dump(mode="json", include=_IDENTITY) for item in found])[:_ID_DIGITS]
    named = [item.model_copy(update={"dataset_id": identity}) for item in found]
    _write(use_case, partition, named, workspace.lake)
    return named


def _of_table(
    use_case: UseCase, partition: str, table: str, decision: Decision, workspace: Workspace
) -> Snapshot | None:
    lake, name = workspace.lake, "batches" if table == BATCH else f"{SIDE_TABLE_PREFIX}{table}"
    delta = lake.find(use_case.name, name)
    if delta is None or partition not in (published := lake.value_counts(use_case.name, name)):
        return None
    source = delta.to_pyarrow_dataset(file_pruning_predicate=[("partition", "=", partition)])
    first = source.head(1, columns=["source_hash", "content_hash", "contract_hash"]).to_pylist()[0]
    files = [file for file in decision.evidence["files"] if file["table"] == table]
    return Snapshot(
        dataset_id="",
        table=table,
        file_hash=first["source_hash"],
        content_hash=first["content_hash"],
        schema_hash=_schema_hash(delta),
        contract_hash=first["contract_hash"],
        transformation_hash=_transformation_hash(use_case, workspace),
        decision_id=decision.id,
        landed=published[partition],
        accepted=published[partition],
        quality=_quality(decision, table),
        landed_at=_landed_at(files, workspace),
        published_at=datetime.now(UTC),
    )


def _counted(snapshot: Snapshot, states: dict[str, int]) -> Snapshot:
    """Tell the rows that were set aside from the published ones, among which the released ones are."""
    held, released, discarded = (states.get(state, 0) for state in (HELD, RELEASED, DISCARDED))
    return snapshot.model_copy(
        update={
            "landed": snapshot.accepted + held + discarded,
            "accepted": snapshot.accepted - released,
            "held": held,
            "released": released,
            "discarded": discarded,
        }
    )


def _check_landed(found: list[Snapshot], partition: str, decision: Decision) -> None:
    """Hold that the lake and the quarantine together have the rows which the gate was shown."""
    shown = decision.evidence["rows"]
    for item in found:
        if item.table == BATCH and (item.landed != shown or item.accepted < 0):
            raise InvariantBroken(
                f"{decision.use_case} {partition}: {shown} rows landed, but {item.accepted} were accepted, "
                f"{item.held} held, {item.released} released and {item.discarded} discarded. Run "
                f"{decision.use_case}.ingest for it again; if this stays, report decision {decision.id}"
            )


def _schema_hash(delta: DeltaTable) -> str:
    fields = delta.schema().fields
    return digest(
        sorted([field.name, str(field.type)] for field in fields if field.name not in AUDIT_COLUMNS)
    )


def _transformation_hash(use_case: UseCase, workspace: Workspace) -> str:
    features = Path(workspace.settings.use_cases_dir) / use_case.name / "features.py"
    code = digest_file(features) if features.is_file() else ""
    return digest([use_case.source, use_case.privacy, code])


def _quality(decision: Decision, table: str) -> dict[str, tuple[int, int]]:
    return {
        result["rule"]: (result["violations"], result["checked"])
        for result in decision.evidence["results"]
        if result["table"] == table
    }


def _landed_at(files: list[dict[str, Any]], workspace: Workspace) -> datetime | None:
    root = f"{workspace.landing.url.rstrip('/')}/"
    times: list[datetime] = []
    for file in files:
        if not str(file["source"]).startswith(root):
            continue
        try:
            times.append(workspace.landing.modified(str(file["source"]).removeprefix(root)))
        except NotFound:
            return None
    return max(times, default=None)


def _write(use_case: UseCase, partition: str, snapshots: list[Snapshot], lake: Lake) -> None:
    import pandas as pd

    before = {
        item.table: item for item in read_snapshots(lake, use_case.name, [partition]).get(partition, [])
    }
    now = {item.table: item for item in snapshots}
    if {table: _compared(item) for table, item in before.items()} == {
        table: _compared(item) for table, item in now.items()
    }:
        return
    # Releasing rows is not publishing the delivery again.
    for table, item in now.items():
        if table in before and before[table].file_hash == item.file_hash:
            now[table] = item.model_copy(update={"published_at": before[table].published_at})
    rows = pd.DataFrame(
        [item.model_dump() | {"quality": canonical_json(item.quality)} for item in now.values()]
    )
    lake.write_partition(
        use_case.name,
        TABLE,
        partition,
        rows.assign(
            landed_at=pd.to_datetime(rows["landed_at"], utc=True).astype("datetime64[us, UTC]"),
            published_at=pd.to_datetime(rows["published_at"], utc=True).astype("datetime64[us, UTC]"),
            known_at=partitions.available_at(partition),
        ),
        source_hash=digest(sorted(item.file_hash for item in snapshots)),
        contract_hash=use_case.contract_hash,
    )


def _compared(snapshot: Snapshot) -> dict[str, Any]:
    return snapshot.model_dump(mode="json", exclude=_NOT_COMPARED)


def read_snapshots(lake: Lake, use_case: str, keys: list[str] | None = None) -> dict[str, list[Snapshot]]:
    """Return the snapshots of some partitions, or of all, by partition."""
    if lake.find(use_case, TABLE) is None:
        return {}
    columns = ["partition", *Snapshot.model_fields]
    rows = lake.read(use_case, TABLE, partitions=keys, columns=columns)
    found: dict[str, list[Snapshot]] = {}
    for row in rows.to_dict("records"):
        content = {str(name): value for name, value in row.items() if name != "partition"}
        content["quality"] = json.loads(row["quality"])
        content["landed_at"] = None if row["landed_at"] != row["landed_at"] else row["landed_at"]
        found.setdefault(str(row["partition"]), []).append(Snapshot.model_validate(content))
    return dict(sorted(found.items()))
