"""Ingestion of one partition, from the landing folder to the lake."""

from __future__ import annotations

import tempfile
from pathlib import Path

from include import partitions
from include.decisions import Decision, Subject, Verdict, decide
from include.errors import GateRefused
from include.flags import switched
from include.ingestion import gate, publishing, settling
from include.ingestion.evidence import BATCH, IngestionEvidence, RuleResult, VolumeResult
from include.ingestion.quarantine import Split, split
from include.ingestion.rules import RuleContext, evaluate
from include.ingestion.sources import Delivery, contract_of, stage_delivery
from include.ingestion.staged import StagedTable
from include.lake import TableRef
from include.quarantine import settlements
from include.snapshots import take_snapshot
from include.stats.conformal import volume_p_value
from include.use_case import UseCase
from include.workspace import Workspace

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
    use_case, switches = switched(use_case, workspace.settings)
    with tempfile.TemporaryDirectory(prefix="airlock-") as temporary:
        folder = Path(temporary)
        delivery = stage_delivery(use_case, partition, workspace, folder, switches)
        results, parted = _judged(use_case, partition, delivery, workspace, folder)
        decision = _decided(
            use_case,
            partition,
            actor=actor,
            delivery=delivery,
            results=results,
            parted=parted,
            workspace=workspace,
        )
        if not decision.verdict.opens:
            raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
        settling.keep_quarantine(
            use_case, partition, parted, hashes=delivery.hashes, decision_id=decision.id, lake=workspace.lake
        )
        ref = publishing.publish(use_case, partition, parted, delivery.hashes, workspace.lake)
        take_snapshot(use_case, partition, decision, workspace)
        return decision, ref


def _judged(
    use_case: UseCase, partition: str, delivery: Delivery, workspace: Workspace, folder: Path
) -> tuple[list[RuleResult], dict[str, Split]]:
    """Evaluate the rules on every table, and part the rows that they set aside from the others.

    Rows that a person released from this very file since are let in.
    """
    results: list[RuleResult] = []
    parted: dict[str, Split] = {}
    for table, staged in delivery.tables.items():
        context = RuleContext(use_case=use_case, partition=partition, folder=folder, tables=delivery.tables)
        found, broken = evaluate(staged, contract_of(use_case, table), context)
        results += found
        settled = (
            settlements(workspace, use_case.name, partition, table=table, file_hash=delivery.hashes[table])
            if broken.rows
            else []
        )
        parted[table] = split(staged, broken, settled, folder)
    return results, parted


def _decided(
    use_case: UseCase,
    partition: str,
    *,
    actor: str,
    delivery: Delivery,
    results: list[RuleResult],
    parted: dict[str, Split],
    workspace: Workspace,
) -> Decision:
    counts = _counts(use_case, delivery.tables[BATCH]) if BATCH in delivery.tables else {}
    evidence = IngestionEvidence(
        files=delivery.files,
        faults=delivery.faults,
        results=results,
        rows=counts.get("", 0),
        counts=counts,
        volumes=_volumes(use_case, partition, counts, workspace),
        flags=delivery.flags,
        masked=delivery.masked,
    )
    readable = BATCH in parted and not any(fault.severity == "refuse" for fault in evidence.faults)
    return workspace.ledger.append(
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
            policy=use_case.contracts,
            data_refs=[file.raw for file in evidence.files if file.raw],
            # A use case may choose to let bad values through, but there is no way to publish no rows.
            mode=use_case.contract.mode if readable and evidence.rows else "fail_closed",
        )
    )


def _counts(use_case: UseCase, staged: StagedTable) -> dict[str, int]:
    """Count the rows, and the values of the columns that the contract watches."""
    import pyarrow.parquet as pq

    watched = use_case.contract.volume.values_of
    values = dict.fromkeys(watched, staged.rows)
    for batch in pq.ParquetFile(staged.path).iter_batches(columns=watched) if watched else ():
        for column in watched:
            values[column] -= batch.column(column).null_count
    return {"": staged.rows} | values


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
