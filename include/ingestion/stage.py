"""Ingestion of one partition, from the landing folder to the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include import partitions
from include.decisions import Decision, Subject, Verdict, decide
from include.errors import BatchUnreadable, GateRefused
from include.ingestion import gate, publishing
from include.ingestion.evidence import (
    BATCH,
    Fault,
    IngestionEvidence,
    LandedFile,
    RuleResult,
    VolumeResult,
)
from include.ingestion.landing import source_paths, take_over
from include.ingestion.reading import EVENT_DATE, local_dates, read_parquet, shape_faults, typed_frame
from include.ingestion.suite import compile_suite, run_suite
from include.lake import TableRef
from include.stats.conformal import volume_p_value
from include.use_case import UseCase
from include.use_case_sections import Contract
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

GATE = "ingestion"


def ingest(
    use_case: UseCase, partition: str, *, actor: str, workspace: Workspace
) -> tuple[Decision, TableRef]:
    """Take over, check and publish the batch of one data date.

    Running it again on the same files changes nothing. Nothing is published before the verdict, and the
    verdict is in the ledger before anything is published.

    Raises:
        GateRefused: the batch breaks the contract. Its file stays in the raw store; the tables are untouched.
    """
    partitions.parse(partition)
    evidence, tables = _examine(use_case, partition, workspace)
    readable = BATCH in tables and not any(fault.severity == "refuse" for fault in evidence.faults)
    decision = workspace.ledger.append(
        decide(
            gate=GATE,
            subject=Subject(
                use_case=use_case.name,
                partition=partition,
                as_of=partitions.key_of(partitions.available_at(partition)),
                actor=actor,
            ),
            ruling=gate.check(evidence, use_case.contract),
            evidence=evidence,
            policy={"contract": use_case.contract_hash},
            data_refs=[file.raw for file in evidence.files if file.raw],
            # A use case may choose to let bad values through, but there is no way to publish no rows.
            mode=use_case.contract.mode if readable and evidence.rows else "fail_closed",
        )
    )
    if not decision.verdict.opens:
        raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    hashes = {file.table: file.sha256 for file in evidence.files}
    return decision, publishing.publish(use_case, partition, tables, hashes, workspace.lake)


def _examine(
    use_case: UseCase, partition: str, workspace: Workspace
) -> tuple[IngestionEvidence, dict[str, pd.DataFrame]]:
    files: list[LandedFile] = []
    faults: list[Fault] = []
    results: list[RuleResult] = []
    tables: dict[str, pd.DataFrame] = {}
    for table, path in source_paths(use_case, partition).items():
        file, content, fault = take_over(use_case, table, path, workspace)
        files.append(file)
        if fault is not None:
            faults.append(fault)
            continue
        contract = _contract(use_case, table)
        rows, found = _read(table, content, contract)
        faults += found
        if rows is not None:
            tables[table] = rows
            results += _results(use_case, table, contract, rows, partition)
    counts = _counts(use_case, tables[BATCH]) if BATCH in tables else {}
    evidence = IngestionEvidence(
        files=files,
        faults=faults,
        results=results,
        rows=counts.get("", 0),
        counts=counts,
        volumes=_volumes(use_case, partition, counts, workspace),
    )
    return evidence, tables


def _contract(use_case: UseCase, table: str) -> Contract:
    return use_case.contract if table == BATCH else use_case.source.side_tables[table].contract


def _read(table: str, content: bytes, contract: Contract) -> tuple[pd.DataFrame | None, list[Fault]]:
    """Return the rows, or None when their shape makes the rules of the contract meaningless."""
    try:
        landed = read_parquet(content)
    except BatchUnreadable as error:
        return None, [Fault(table=table, rule="file", detail=str(error))]
    faults = shape_faults(table, landed, contract)
    if any(fault.severity == "refuse" for fault in faults):
        return None, faults
    rows, untyped = typed_frame(table, landed, contract)
    faults += untyped
    return (None if any(fault.severity == "refuse" for fault in untyped) else rows), faults


def _results(
    use_case: UseCase, table: str, contract: Contract, rows: pd.DataFrame, partition: str
) -> list[RuleResult]:
    if table != BATCH:
        return run_suite(table, compile_suite(table, contract, None), rows)
    times = rows[use_case.source.event_time]
    dates = local_dates(times, use_case.source.timezone)
    # A time that cannot be read is a row that may belong anywhere, not a missing value.
    dated = rows.assign(**{EVENT_DATE: dates.where(dates.notna() | times.isna(), "unreadable")})
    return run_suite(table, compile_suite(table, contract, partition), dated)


def _counts(use_case: UseCase, rows: pd.DataFrame) -> dict[str, int]:
    return {"": len(rows)} | {
        column: int(rows[column].count()) for column in use_case.contract.volume.values_of
    }


def _volumes(
    use_case: UseCase, partition: str, counts: dict[str, int], workspace: Workspace
) -> list[VolumeResult]:
    """Rank the rows, and the values of the columns that the contract names, among earlier batches."""
    rule = use_case.contract.volume
    refused: dict[str, dict[str, int]] = {}
    for decision in workspace.ledger.find(use_case=use_case.name, gate=GATE, verdict=Verdict.REFUSE):
        counted = decision.evidence["counts"]
        if decision.partition is not None and counted:
            refused.setdefault(decision.partition, counted)  # the newest stands first
    found: list[VolumeResult] = []
    for column, count in counts.items():
        past = {day: figures[column] for day, figures in refused.items() if column in figures}
        past |= workspace.lake.value_counts(use_case.name, "batches", column)
        earlier = {day: value for day, value in past.items() if day < partition}
        rank = volume_p_value(
            partition, earlier | {partition: count}, weeks=rule.same_weekdays, past=rule.history
        )
        if rank is not None:
            found.append(
                VolumeResult(
                    column=column,
                    count=count,
                    expected=rank.expected,
                    deviation=rank.deviation,
                    past=rank.past,
                    p_value=rank.p_value,
                )
            )
    return found
