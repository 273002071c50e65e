"""From what an upstream system delivers to staged tables: one Parquet file each, typed by the contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from include.flags import Switches
from include.ingestion.evidence import BATCH, Fault, LandedFile
from include.ingestion.privacy import told_of_masking
from include.ingestion.sources.staging import TableStaging
from include.ingestion.staged import StagedTable
from include.use_case import UseCase
from include.use_case_sections import Contract, TableSource
from include.workspace import Workspace


@dataclass(frozen=True)
class Delivery:
    """What landed for a partition.

    Attributes:
        files: every file, those that are missing too.
        faults: what makes rules meaningless.
        tables: rows of every table that can be judged, by name; the batch is under `batch`.
        hashes: SHA-256 of the source of every table, however many files it is.
        flags, masked: what the decision records of them; see `IngestionEvidence`.
    """

    files: list[LandedFile] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    tables: dict[str, StagedTable] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str | bool] = field(default_factory=dict)
    masked: dict[str, str] = field(default_factory=dict)


def stage_delivery(
    use_case: UseCase,
    partition: str,
    workspace: Workspace,
    folder: Path,
    switches: Switches | None = None,
) -> Delivery:
    """Take over what landed for a partition and stage its rows in a folder of the task's own.

    Args:
        use_case: as the flags have it.
        partition: key of the data date.
        workspace: of this installation.
        folder: the task's own.
        switches: what the flags said; what was wrong with them becomes a warning.

    Raises:
        ConfigurationError: a key, a connection or a function that the sources need is missing.
        Outage: a store or a database does not answer.
    """
    switches = switches or Switches()
    delivery = Delivery(flags=switches.seen)
    delivery.faults.extend(
        Fault(table="switches", rule="flags", detail=problem, severity="warn")
        for problem in switches.problems
    )
    for table, source in sources_of(use_case).items():
        staged = TableStaging(
            use_case, table, source, _declared(use_case, table), partition, workspace, folder
        ).run()
        delivery.files.extend(staged.files)
        delivery.faults.extend(staged.faults)
        delivery.hashes[table] = staged.source_hash
        methods = told_of_masking(_declared(use_case, table), workspace.settings.privacy_key)
        delivery.masked.update({f"{table}.{column}": method for column, method in methods.items()})
        if staged.rows is not None:
            delivery.tables[table] = staged.rows
    return delivery


def sources_of(use_case: UseCase) -> dict[str, TableSource]:
    """Return where each table comes from: the batch first, then the side tables."""
    return {BATCH: use_case.source, **use_case.source.side_tables}


def contract_of(use_case: UseCase, table: str) -> Contract:
    """Return the rules for the staged rows of the batch or of a side table."""
    return _declared(use_case, table).kept


def _declared(use_case: UseCase, table: str) -> Contract:
    return use_case.contract if table == BATCH else use_case.source.side_tables[table].contract
