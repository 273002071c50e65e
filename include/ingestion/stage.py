"""Ingestion of one partition, from the landing folder to the lake."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from include import partitions
from include.decisions import Decision, Subject, decide
from include.errors import GateRefused
from include.flags import switched
from include.ingestion import gate, publishing, reporting, settling
from include.ingestion.counts import GATE, count_rows, rank_volumes
from include.ingestion.drifting import days_to_read, drift_of
from include.ingestion.evidence import BATCH, DriftResult, IngestionEvidence, RuleResult
from include.ingestion.profiling import profile
from include.ingestion.quarantine import Split, split
from include.ingestion.rules import RuleContext, evaluate, profiles_before, quarantined_share
from include.ingestion.rules.context import Report
from include.ingestion.rules.references import missing_references, reference_files
from include.ingestion.sources import Delivery, contract_of, stage_delivery
from include.lake import TableRef
from include.quarantine import settlements
from include.snapshots import take_snapshot
from include.task_folders import task_folder
from include.use_case import UseCase
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd


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
    with task_folder() as folder:
        delivery = stage_delivery(use_case, partition, workspace, folder, switches)
        judged = _judged(use_case, partition, delivery, workspace, folder)
        decision = _decided(
            use_case,
            partition,
            actor=actor,
            delivery=delivery,
            judged=judged,
            workspace=workspace,
        )
        reporting.keep(judged.reports, use_case.name, partition, workspace.reports)
        if not decision.verdict.opens:
            raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
        settling.keep_quarantine(
            use_case,
            partition,
            judged.parted,
            hashes=delivery.hashes,
            decision_id=decision.id,
            lake=workspace.lake,
        )
        ref = publishing.publish(
            use_case, partition, judged.parted, delivery.hashes, workspace.lake, profiles=judged.profile
        )
        take_snapshot(use_case, partition, decision, workspace)
        return decision, ref


@dataclass
class _Judged:
    """What the rules found.

    Attributes:
        parted: each table in two, by the rows that its rules set aside.
        profile: of the batch's accepted rows.
    """

    results: list[RuleResult] = field(default_factory=list)
    parted: dict[str, Split] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    profile: pd.DataFrame | None = None
    drift: DriftResult | None = None


def _judged(
    use_case: UseCase, partition: str, delivery: Delivery, workspace: Workspace, folder: Path
) -> _Judged:
    """Evaluate the rules on every table, and part the rows that they set aside from the others.

    Rows that a person released from this very file since are let in.
    """
    contract = use_case.contract.kept
    before = profiles_before(workspace, use_case.name, partition, days_to_read(contract))
    references, files = reference_files(use_case, workspace, folder)
    delivery.files.extend(files)
    delivery.faults.extend(missing_references(files))
    context = RuleContext(use_case, partition, folder, delivery.tables, workspace, before, references)
    judged = _Judged(reports=context.reports)
    for table, staged in delivery.tables.items():
        found, broken = evaluate(staged, contract_of(use_case, table), context)
        judged.results += found + quarantined_share(staged, broken, contract_of(use_case, table))
        settled = (
            settlements(workspace, use_case.name, partition, table=table, file_hash=delivery.hashes[table])
            if broken.rows
            else []
        )
        judged.parted[table] = split(staged, broken, settled, folder)
    if BATCH in judged.parted:
        batch = judged.parted[BATCH]
        judged.profile = profile(batch.accepted, contract, folder)
        # A release must not change what the gate is shown when the same file comes again.
        shown = judged.profile if batch.on_time is None else profile(batch.on_time, contract, folder)
        judged.drift = drift_of(shown, before, partition, contract.drift)
    return judged


def _decided(
    use_case: UseCase,
    partition: str,
    *,
    actor: str,
    delivery: Delivery,
    judged: _Judged,
    workspace: Workspace,
) -> Decision:
    counts = count_rows(use_case, delivery.tables[BATCH]) if BATCH in delivery.tables else {}
    aside = {name: parted for name, parted in judged.parted.items() if parted.set_aside is not None}
    evidence = IngestionEvidence(
        files=delivery.files,
        faults=delivery.faults,
        results=judged.results,
        rows=counts.get("", 0),
        counts=counts,
        volumes=rank_volumes(use_case, partition, counts, workspace),
        flags=delivery.flags,
        masked=delivery.masked,
        set_aside={name: parted.counts.quarantined for name, parted in aside.items()},
        drift=judged.drift,
        reports=reporting.addresses(judged.reports, use_case.name, partition, workspace.reports),
    )
    readable = BATCH in judged.parted and not any(fault.severity == "refuse" for fault in evidence.faults)
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
            mode=use_case.contract.mode if readable and evidence.accepted_rows else "fail_closed",
        )
    )
