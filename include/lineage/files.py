"""The raw files behind a partition: its own, and those of the side tables that its features look into."""

from __future__ import annotations

from collections.abc import Mapping

from include.decisions import Decision
from include.lake import SIDE_TABLE_PREFIX
from include.lineage.facts import (
    INGESTION,
    RawFile,
    Remarks,
    landed_files,
    raw_file,
    rows_of,
    source_hash,
)
from include.lineage.reach import look_back
from include.lineage.removed import tell_removed
from include.workspace import Workspace


def files_behind(
    workspace: Workspace,
    use_case: str,
    partition: str,
    ingestion: Decision | None,
    *,
    side_reach: Mapping[str, int],
    remarks: Remarks,
) -> list[RawFile]:
    """Return the files of an ingestion, and of the side tables that early events look into, hashed again.

    Args:
        workspace: where they lie.
        use_case: whose they are.
        partition: its key.
        ingestion: the decision that let its batch in, if any.
        side_reach: how many days before its own date the partition looks into each side table.
        remarks: gets the files that are changed or missing, or that no decision let in.
    """
    landed = landed_files(ingestion) if ingestion else []
    found = [raw_file(workspace.raw, use_case, partition, file) for file in landed]
    for table, days in sorted(side_reach.items()):
        # The newest day's file belongs to the ingestion itself.
        for day in look_back(partition, days)[:-1]:
            found += _side_files(workspace, use_case, table, day, remarks)
    found = tell_removed(workspace.ledger, use_case, found)
    for file in found:
        if file.state in {"changed", "missing"}:
            remarks.broken.append(
                f"raw file {file.address} is {file.state}; its SHA-256 was {file.sha256} when it landed"
            )
    return found


def _side_files(workspace: Workspace, use_case: str, table: str, day: str, remarks: Remarks) -> list[RawFile]:
    rows = rows_of(workspace.lake, use_case, f"{SIDE_TABLE_PREFIX}{table}", day)
    if rows is None:
        return []
    landed = next(
        (
            [file for file in landed_files(decision) if file["table"] == table]
            for decision in workspace.ledger.find(use_case=use_case, gate=INGESTION, partition=day)
            if source_hash(decision, table) == rows.source_hash
        ),
        [],
    )
    if not landed:
        remarks.broken.append(f"no decision lets in the file {rows.source_hash} of {table} on {day}")
    return [raw_file(workspace.raw, use_case, day, file) for file in landed]
