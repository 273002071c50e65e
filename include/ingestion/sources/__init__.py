"""From what an upstream system delivers to staged tables: one Parquet file each, typed by the contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from include.errors import BatchUnreadable
from include.ingestion.evidence import BATCH, Fault, LandedFile
from include.ingestion.landing import source_paths, take_over
from include.ingestion.reading import read_parquet, shape_faults, typed_table
from include.ingestion.staged import StagedTable, write_staged
from include.use_case import UseCase
from include.use_case_sections import Contract
from include.workspace import Workspace


@dataclass(frozen=True)
class Delivery:
    """What landed for a partition.

    Attributes:
        files: every file, those that are missing too.
        faults: what makes rules meaningless.
        tables: rows of every table that can be judged, by name; the batch is under `batch`.
    """

    files: list[LandedFile] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    tables: dict[str, StagedTable] = field(default_factory=dict)


def stage_delivery(use_case: UseCase, partition: str, workspace: Workspace, folder: Path) -> Delivery:
    """Take over what landed for a partition and stage its rows in a folder of the task's own."""
    delivery = Delivery()
    for table, path in source_paths(use_case, partition).items():
        file, content, fault = take_over(use_case, table, path, workspace)
        delivery.files.append(file)
        if fault is not None:
            delivery.faults.append(fault)
            continue
        staged, faults = _stage(table, content, contract_of(use_case, table), folder)
        delivery.faults.extend(faults)
        if staged is not None:
            delivery.tables[table] = staged
    return delivery


def contract_of(use_case: UseCase, table: str) -> Contract:
    """Return the contract of the batch or of a side table."""
    return use_case.contract if table == BATCH else use_case.source.side_tables[table].contract


def _stage(
    table: str, content: bytes, contract: Contract, folder: Path
) -> tuple[StagedTable | None, list[Fault]]:
    """Return the rows, or None when their shape makes the rules of the contract meaningless."""
    try:
        landed = read_parquet(content)
    except BatchUnreadable as error:
        return None, [Fault(table=table, rule="file", detail=str(error))]
    faults = shape_faults(table, landed, contract)
    if any(fault.severity == "refuse" for fault in faults):
        return None, faults
    rows, untyped = typed_table(table, landed, contract)
    faults += untyped
    if any(fault.severity == "refuse" for fault in untyped):
        return None, faults
    return write_staged(table, rows, folder), faults
