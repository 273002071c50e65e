"""What a decision about quarantined rows does to the tables; doing it again changes nothing.

The ledger says what was decided. The batch follows first and the quarantine's column `state` last, so a
process that is killed in between leaves either the old rows or the new ones, and the next release, discard or
ingestion of the partition completes the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include import partitions
from include.errors import ConfigurationError
from include.hashing import digest
from include.ingestion.publishing import lake_table, publish
from include.ingestion.quarantine import Counts, Late, Split, no_rows, quarantine_rows, states_of
from include.ingestion.row_text import decode_rows
from include.ingestion.staged import StagedTable, write_staged
from include.lake import AUDIT_COLUMNS, RELEASED_BY, Lake, TableRef
from include.lake_outages import outages
from include.quarantine import HELD, RELEASED, TABLE, Settlement, read_quarantine, settlements
from include.snapshots import take_snapshot
from include.task_folders import task_folder
from include.use_case import UseCase
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def keep_quarantine(
    use_case: UseCase,
    partition: str,
    tables: Mapping[str, Split],
    *,
    hashes: Mapping[str, str],
    decision_id: str,
    lake: Lake,
) -> None:
    """Write the rows that a delivery's rules set aside in place of those of the delivery before."""
    known_at = partitions.available_at(partition)
    present = partition in lake.partitions(use_case.name, TABLE)
    first = _first_decisions(use_case, partition, lake) if present else {}

    def rows() -> Iterator[pa.RecordBatch]:
        yield from (no_rows(),) if present else ()
        for name, parted in sorted(tables.items()):
            by = first.get((name, hashes[name]), decision_id)
            yield from quarantine_rows(parted, decision_id=by, file_hash=hashes[name], known_at=known_at)

    if present or any(parted.set_aside is not None for parted in tables.values()):
        made_from = digest(sorted(hashes[name] for name in tables))
        lake.write_batches(
            use_case.name,
            TABLE,
            partition,
            rows,
            source_hash=made_from,
            contract_hash=use_case.contract_hash,
        )


def _first_decisions(use_case: UseCase, partition: str, lake: Lake) -> dict[tuple[str, str], str]:
    """Return which decision set rows aside under this very contract, by table and file.

    A later look at the file is another decision when the days before it have changed, and changes no row.
    """
    columns = ["table", "file_hash", "contract_hash", "decision_id"]
    kept = lake.read(use_case.name, TABLE, partitions=[partition], columns=columns).drop_duplicates()
    return {
        (str(row.table), str(row.file_hash)): str(row.decision_id)
        for row in kept.itertuples()
        if row.contract_hash == use_case.contract_hash
    }


def _mark(use_case: str, partition: str, rows: pd.DataFrame, lake: Lake) -> None:
    """Write the quarantine of a partition again, with the states that its rows have now."""
    import pyarrow as pa

    first = rows.iloc[0]
    (batch,) = pa.Table.from_pandas(rows, schema=no_rows().schema, preserve_index=False).to_batches()
    lake.write_batches(
        use_case,
        TABLE,
        partition,
        lambda: [batch],
        source_hash=str(first["source_hash"]),
        contract_hash=str(first["contract_hash"]),
    )


@dataclass(frozen=True)
class Published:
    """A table's partition as it stands in the lake, without the rows that releases let in.

    Attributes:
        rows: in the columns of the contract.
        file_hash: hash of the landed table that they came from.
    """

    rows: pa.Table
    file_hash: str
    contract_hash: str


def read_published(use_case: str, partition: str, table: str, lake: Lake) -> Published:
    """Read the rows that the gate of ingestion itself let in.

    Raises:
        NotFound: the table was never written.
        ConfigurationError: the partition holds no row.
        Outage: the lake does not answer.
    """
    import pyarrow as pa

    delta = lake.open(use_case, lake_table(table))
    with outages(lake.root):
        rows = lake.dataset(delta, [partition]).to_table()
    if rows.num_rows == 0:
        raise ConfigurationError(
            f"No {table} of {use_case} is published for {partition}; run {use_case}.ingest for it first"
        )
    first = {name: rows[name][0].as_py() for name in ("source_hash", "contract_hash")}
    if RELEASED_BY in rows.column_names:
        rows = rows.filter(pa.compute.is_null(rows[RELEASED_BY]))
    rows = rows.drop_columns([name for name in AUDIT_COLUMNS if name in rows.column_names])
    return Published(_plain(rows), first["source_hash"], first["contract_hash"])


def _plain(rows: pa.Table) -> pa.Table:
    """Give text the type that staged tables have; Delta readers differ in how they hold it."""
    import pyarrow as pa
    import pyarrow.types as pat

    def plain(field: pa.Field) -> pa.Field:
        text = pat.is_large_string(field.type) or pat.is_string_view(field.type)
        return pa.field(field.name, pa.string() if text else field.type)

    return rows.cast(pa.schema([plain(field) for field in rows.schema]))


def settle(use_case: UseCase, partition: str, table: str, workspace: Workspace) -> TableRef | None:
    """Let in what was released and mark what was decided, as the ledger says.

    Returns:
        The name of the table's partition, or None when nothing of it was ever released.

    Raises:
        ConfigurationError: the partition holds another delivery than the quarantine.
    """
    lake = workspace.lake
    kept = read_quarantine(lake, use_case.name, [partition])
    own = kept[kept["table"] == table]
    if own.empty:
        return None
    file_hash = str(own["file_hash"].iloc[0])
    decided = settlements(workspace, use_case.name, partition, table=table, file_hash=file_hash)
    if not decided:
        return None
    rules = {int(row): text.split(", ") for row, text in zip(own["row"], own["rule"], strict=True)}
    states = states_of(rules, decided)
    released = [found for found in decided if found.kind == RELEASED]
    ref = (
        _let_in(use_case, partition, kept=own, states=states, releases=released, workspace=workspace)
        if released
        else None
    )
    settled = [states.get(int(row), (HELD, "")) for row in own["row"]]
    full = lake.read(use_case.name, TABLE, partitions=[partition])
    full = full.sort_values(["table", "row"], kind="stable", ignore_index=True)
    mine = full["table"] == table
    full.loc[mine, "state"] = [state for state, _ in settled]
    full.loc[mine, "settled_by"] = [by for _, by in settled]
    _mark(use_case.name, partition, full, lake)
    take_snapshot(use_case, partition, workspace.ledger.get(str(own["decision_id"].iloc[0])), workspace)
    return ref


def _let_in(
    use_case: UseCase,
    partition: str,
    *,
    kept: pd.DataFrame,
    states: Mapping[int, tuple[str, str]],
    releases: list[Settlement],
    workspace: Workspace,
) -> TableRef:
    """Publish the partition again with the released rows behind the others, oldest release first."""
    import pyarrow as pa

    table, file_hash = str(kept["table"].iloc[0]), releases[0].file_hash
    published = read_published(use_case.name, partition, table, workspace.lake)
    if published.file_hash != file_hash:
        raise ConfigurationError(
            f"{table} of {partition} came from {published.file_hash}, the quarantined rows from {file_hash}: "
            f"an ingestion was cut short. Run {use_case.name}.ingest for it again, then this"
        )
    parts, late = [published.rows], []
    for release in releases:
        own = [states.get(int(row), ("", ""))[1] == release.decision_id for row in kept["row"]]
        rows = decode_rows(kept["data"][own].tolist(), published.rows.schema)
        if rows.num_rows:
            parts.append(rows)
            late.append(Late(release.decision_id, release.known_at, rows.num_rows))
    counts = Counts(landed=published.rows.num_rows, accepted=published.rows.num_rows)
    with task_folder() as folder:
        staged: StagedTable = write_staged(table, pa.concat_tables(parts), folder)
        return publish(
            use_case,
            partition,
            {table: Split(staged, counts, late=tuple(late))},
            {table: file_hash},
            workspace.lake,
            contract_hash=published.contract_hash,
        )
