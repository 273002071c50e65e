"""The identity of a published partition: what exactly it is, from what it was made, by which rules, how good.

One row for each table of a partition in `<uc>/snapshots`, written when the batch is published and again when
rows are released or given up. A table of its own: the figures are few, and the rows of a batch are many.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.decisions import Decision
from include.errors import InvariantBroken, NotFound
from include.hashing import canonical_json, digest, digest_file
from include.lake import AUDIT_COLUMNS, SIDE_TABLE_PREFIX, Lake
from include.lake_outages import outages
from include.quarantine import DISCARDED, HELD, RELEASED, read_quarantine
from include.use_case import UseCase

if TYPE_CHECKING:
    import pyarrow as pa

    from include.workspace import Workspace

TABLE = "snapshots"
BATCH = "batch"
_ID_DIGITS = 32
_COUNTS = ("landed", "accepted", "held", "released", "discarded")
# The same state of a partition keeps its first record, whichever later decision looked at it again.
_NOT_COMPARED = {"landed_at", "published_at", "decision_id"}
_IDENTITY = {"table", "file_hash", "rows_hash", "schema_hash", "contract_hash", "transformation_hash"}


class Snapshot(BaseModel):
    """What one table of a partition is.

    Attributes:
        dataset_id: names the whole partition, side tables included: the same rows of the same files, typed
            alike, under the same contract and transformation, have the same.
        landed: rows that landed; they are the accepted, held, released and discarded ones.
        rows_hash: of the published rows, the `content_hash` beside each of them.
        contract_hash: of the contract that let them in.
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
    rows_hash: str
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
    aside = _states(use_case, partition, decision, workspace)
    found: list[Snapshot] = []
    for table in (BATCH, *use_case.source.side_tables):
        snapshot = _of_table(use_case, partition, table, decision, workspace)
        if snapshot is not None:
            found.append(_counted(snapshot, aside.get(table, Counter())))
    _check_landed(found, partition, decision)
    identity = digest([item.model_dump(mode="json", include=_IDENTITY) for item in found])[:_ID_DIGITS]
    named = [item.model_copy(update={"dataset_id": identity}) for item in found]
    _write(use_case, partition, named, workspace.lake)
    return named


def _states(
    use_case: UseCase, partition: str, decision: Decision, workspace: Workspace
) -> dict[str, Counter[str]]:
    """Count the rows that were set aside by table and state; most batches have none to look up."""
    found: dict[str, Counter[str]] = {}
    if any(decision.evidence["set_aside"].values()):
        kept = read_quarantine(workspace.lake, use_case.name, [partition])
        for table, state in zip(kept["table"], kept["state"], strict=True):
            found.setdefault(str(table), Counter())[str(state)] += 1
    return found


def _of_table(
    use_case: UseCase, partition: str, table: str, decision: Decision, workspace: Workspace
) -> Snapshot | None:
    lake, name = workspace.lake, "batches" if table == BATCH else f"{SIDE_TABLE_PREFIX}{table}"
    source = lake.scan(use_case.name, name, partition, partition)
    if source is None:
        return None
    with outages(lake.root):
        published = source.count_rows()
        heads = source.head(1, columns=["source_hash", "content_hash", "contract_hash"]).to_pylist()
    if not heads:
        return None
    [first] = heads
    files = [file for file in decision.evidence["files"] if file["table"] == table]
    return Snapshot(
        dataset_id="",
        table=table,
        file_hash=first["source_hash"],
        rows_hash=first["content_hash"],
        schema_hash=_schema_hash(source.schema),
        contract_hash=first["contract_hash"],
        transformation_hash=_transformation_hash(use_case, workspace),
        decision_id=decision.id,
        landed=published,
        accepted=published,
        quality=_quality(decision, table),
        landed_at=_landed_at(files, workspace),
        published_at=datetime.now(UTC),
    )


def _counted(snapshot: Snapshot, states: Counter[str]) -> Snapshot:
    """Tell the rows that were set aside from the published ones, among which the released ones are."""
    held, released, discarded = (states[state] for state in (HELD, RELEASED, DISCARDED))
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


def _schema_hash(schema: pa.Schema) -> str:
    return digest(
        sorted([field.name, str(field.type)] for field in schema if field.name not in AUDIT_COLUMNS)
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
    import pyarrow as pa

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
    known_at = partitions.available_at(partition)
    rows = [
        item.model_dump() | {"quality": canonical_json(item.quality), "known_at": known_at}
        for item in now.values()
    ]
    batch = pa.RecordBatch.from_pylist(rows, schema=_schema())
    lake.write_batches(
        use_case.name,
        TABLE,
        partition,
        lambda: [batch],
        source_hash=digest(sorted(item.file_hash for item in snapshots)),
        contract_hash=snapshots[0].contract_hash,
    )


def _schema() -> pa.Schema:
    """Return the columns of the table, without those that every table of the lake has."""
    import pyarrow as pa

    moment, count = pa.timestamp("us", "UTC"), pa.int64()
    kinds = dict.fromkeys(_COUNTS, count) | {"landed_at": moment, "published_at": moment}
    fields = [
        (name, kinds.get(name, pa.string())) for name in Snapshot.model_fields if name != "contract_hash"
    ]
    return pa.schema([*fields, ("known_at", pa.date32())])


def _compared(snapshot: Snapshot) -> dict[str, Any]:
    return snapshot.model_dump(mode="json", exclude=_NOT_COMPARED)


def read_snapshots(lake: Lake, use_case: str, keys: list[str] | None = None) -> dict[str, list[Snapshot]]:
    """Return the snapshots of some partitions, or of all, by partition."""
    delta = lake.find(use_case, TABLE)
    if delta is None:
        return {}
    with outages(lake.root):
        rows = lake.dataset(delta, keys).to_table(columns=["partition", *Snapshot.model_fields])
    found: dict[str, list[Snapshot]] = {}
    for row in rows.to_pylist():
        partition, quality = str(row.pop("partition")), json.loads(row["quality"])
        found.setdefault(partition, []).append(Snapshot.model_validate(row | {"quality": quality}))
    return dict(sorted(found.items()))
