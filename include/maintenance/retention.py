"""Removing what is older than the use case keeps, except what a model in use still names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.decisions import Decision, Ruling, Subject, Verdict, decide
from include.lake import PARTITION
from include.lake_outages import outages
from include.lineage.facts import INGESTION, landed_files
from include.live_models import TrainingSet, training_sets_in_use
from include.use_case import UseCase
from include.use_case_sections import Retention
from include.use_case_sections.retention import RAW
from include.workspace import Workspace

GATE = "retention"
RULE = (
    "partitions older than retention.days are removed, unless the training set of a model in use names them"
)


class Expired(BaseModel):
    """Partitions of one table, or landed files, that are older than the use case keeps.

    Attributes:
        cutoff: first date that is kept.
        removed: number of partitions, or of files.
        first: oldest date among them.
        last: newest date among them.
        named: of the older ones, those that a training set names, by model version.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cutoff: str
    removed: int
    first: str
    last: str
    named: dict[str, list[str]]


class RetentionEvidence(BaseModel):
    """What is to be removed. `forced`: also what training sets name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["retention"] = "retention"
    newest: str
    forced: bool
    tables: dict[str, Expired]


def check(evidence: RetentionEvidence) -> Ruling:
    """Judge a removal: what a model in use names is kept and told, or removed and told when it is forced."""
    reasons, kept = [], False
    for table, expired in sorted(evidence.tables.items()):
        what = "files" if table == RAW else "partitions"
        if expired.removed:
            reasons.append(
                f"{table}: {expired.removed} {what} before {expired.cutoff} removed "
                f"({expired.first}..{expired.last})"
            )
        for version, days in sorted(expired.named.items()):
            kept = True
            told = "removed although" if evidence.forced else "kept because"
            reasons.append(
                f"{table}: {len(days)} {what} ({days[0]}..{days[-1]}) {told} the training set of version "
                f"{version}, which is in use, names them"
            )
    return Ruling(verdict=Verdict.WARN if kept else Verdict.PASS, reasons=reasons, rule=RULE)


def enforce_retention(use_case: UseCase, *, actor: str, workspace: Workspace) -> Decision | None:
    """Remove what is older than the use case keeps; return the decision, or None when there was nothing.

    The decision is in the ledger before anything is removed. Readers of earlier table versions find the rows
    until `maintain_tables` drops the files.
    """
    known = workspace.lake.partitions(use_case.name, "batches")
    if not use_case.retention.days or not known:
        return None
    policy, newest = use_case.retention, known[-1]
    sets = training_sets_in_use(workspace.ledger, use_case.name, newest)
    doomed: dict[str, list[str]] = {}
    tables: dict[str, Expired] = {}
    for table, days in sorted(policy.days.items()):
        cutoff = partitions.shift(newest, -days)
        old = [day for day in _dates(use_case, table, workspace) if day < cutoff]
        named = _named(table, old, sets)
        protected = {day for kept in named.values() for day in kept}
        gone = [day for day in old if policy.remove_training_sets or day not in protected]
        doomed[table] = gone
        if old:
            tables[table] = Expired(
                cutoff=cutoff,
                removed=len(_files(use_case, gone, workspace)) if table == RAW else len(gone),
                first=gone[0] if gone else "",
                last=gone[-1] if gone else "",
                named=named,
            )
    if not tables:
        return None
    decision = _record(use_case, newest, policy, tables, actor=actor, workspace=workspace)
    for table, gone in doomed.items():
        _remove(use_case, table, gone, workspace)
    return decision


def _dates(use_case: UseCase, table: str, workspace: Workspace) -> list[str]:
    if table != RAW:
        return workspace.lake.partitions(use_case.name, table)
    landed = workspace.ledger.newest_by_partition(use_case.name, INGESTION)
    return [day for day in landed if _files(use_case, [day], workspace)]


def _named(table: str, days: list[str], sets: Iterable[TrainingSet]) -> dict[str, list[str]]:
    found = {used.model_version: [day for day in days if used.names(table, day)] for used in sets}
    return {version: kept for version, kept in found.items() if kept}


def _files(use_case: UseCase, days: list[str], workspace: Workspace) -> list[str]:
    """Return the keys of the raw files of some dates that are still there and that no other date needs."""
    chosen = set(days)
    keys: dict[str, set[str]] = {}
    for decision in workspace.ledger.find(use_case=use_case.name, gate=INGESTION):
        for file in landed_files(decision):
            if file["raw"]:
                key = f"{use_case.name}/{file['table']}/{PurePosixPath(file['raw']).name}"
                keys.setdefault(key, set()).add(str(decision.partition))
    return [key for key, used in sorted(keys.items()) if used <= chosen and workspace.raw.exists(key)]


def _record(
    use_case: UseCase,
    newest: str,
    policy: Retention,
    tables: dict[str, Expired],
    *,
    actor: str,
    workspace: Workspace,
) -> Decision:
    evidence = RetentionEvidence(newest=newest, forced=policy.remove_training_sets, tables=tables)
    as_of = partitions.key_of(partitions.available_at(newest))
    return workspace.ledger.append(
        decide(
            gate=GATE,
            subject=Subject(use_case=use_case.name, as_of=as_of, actor=actor),
            ruling=check(evidence),
            evidence=evidence,
            policy=policy,
            data_refs=[f"{use_case.name}/{table}" for table in tables],
        )
    )


def _remove(use_case: UseCase, table: str, days: list[str], workspace: Workspace) -> None:
    if not days:
        return
    if table == RAW:
        for key in _files(use_case, days, workspace):
            workspace.raw.delete(key)
        return
    quoted = ", ".join(f"'{partitions.key_of(partitions.parse(day))}'" for day in days)
    with outages(workspace.lake.root):
        workspace.lake.open(use_case.name, table).delete(f"{PARTITION} IN ({quoted})")
