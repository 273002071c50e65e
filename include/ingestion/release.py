"""Letting in rows that were set aside, or giving them up: a person decides, and the gate looks again.

The decision goes to the ledger first, the tables follow. Doing the same again changes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from include import partitions
from include.decisions import Decision, Ruling, Subject, decide
from include.errors import GateRefused, NotFound
from include.ingestion.evidence import BATCH
from include.ingestion.publishing import lake_table
from include.ingestion.release_gate import ReleaseEvidence, check_discard, check_release
from include.ingestion.row_text import decode_rows
from include.ingestion.rules import RuleContext, evaluate, profiles_before
from include.ingestion.settling import Published, read_published, settle
from include.ingestion.sources import contract_of
from include.ingestion.staged import StagedTable, write_staged
from include.lake import TableRef
from include.quarantine import DISCARD, HELD, RELEASE, keep_selection, read_quarantine
from include.task_folders import task_folder
from include.use_case import UseCase
from include.use_case_sections import Contract, RulePolicy
from include.use_case_sections.contract import TABLE_RULES
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class Choice:
    """Which of the held rows of a partition.

    Attributes:
        table: `batch`, or a side table.
        rows: positions in the landed table; None takes all.
        rules: only rows that were set aside for one of these; None takes all.
    """

    partition: str
    table: str = BATCH
    rows: tuple[int, ...] | None = None
    rules: tuple[str, ...] | None = None

    def of(self, kept: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that are chosen, whatever their state."""
        chosen = kept[kept["table"] == self.table]
        if self.rows is not None:
            chosen = chosen[chosen["row"].isin(self.rows)]
        if self.rules is not None:
            wanted = set(self.rules)
            chosen = chosen[[not wanted.isdisjoint(rule.split(", ")) for rule in chosen["rule"]]]
        return chosen


def release(
    use_case: UseCase, choice: Choice, *, exception: str = "", actor: str, workspace: Workspace
) -> tuple[Decision, TableRef]:
    """Judge the chosen rows by the contract as it is now, and merge them into their partition.

    Args:
        use_case: whose rows.
        choice: which rows.
        exception: why the rules that they were set aside for are waived; empty when they are not.
        actor: who decides.
        workspace: where to read, write and record.

    Raises:
        NotFound: no such row is held.
        GateRefused: a row breaks a rule that is not waived, or its key stands in the partition already.
    """
    settle(use_case, choice.partition, choice.table, workspace)  # what a killed process has left
    chosen = _held(use_case, choice, workspace)
    if isinstance(chosen, Decision):
        return chosen, _named(use_case, choice, workspace)
    published = read_published(use_case.name, choice.partition, choice.table, workspace.lake)
    rows = decode_rows(chosen["data"].tolist(), published.rows.schema)
    evidence = _evidence(RELEASE, use_case, choice, chosen, workspace)
    evidence = evidence.model_copy(
        update={
            "broken": _broken(use_case, choice, rows, set(evidence.rules), workspace),
            "repeated_keys": _repeated_keys(use_case, choice, rows, published),
            "exception": exception,
        }
    )
    decision = _record(use_case, choice, evidence, check_release(evidence), actor=actor, workspace=workspace)
    return decision, settle(use_case, choice.partition, choice.table, workspace) or _named(
        use_case, choice, workspace
    )


def discard(use_case: UseCase, choice: Choice, *, reason: str, actor: str, workspace: Workspace) -> Decision:
    """Give the chosen rows up. They stay in the raw file and in the quarantine, marked.

    Raises:
        NotFound: no such row is held.
    """
    settle(use_case, choice.partition, choice.table, workspace)
    chosen = _held(use_case, choice, workspace)
    if isinstance(chosen, Decision):
        return chosen
    evidence = _evidence(DISCARD, use_case, choice, chosen, workspace).model_copy(update={"reason": reason})
    decision = _record(use_case, choice, evidence, check_discard(evidence), actor=actor, workspace=workspace)
    settle(use_case, choice.partition, choice.table, workspace)
    return decision


def _held(use_case: UseCase, choice: Choice, workspace: Workspace) -> pd.DataFrame | Decision:
    """Return the chosen rows that are held, or the decision that has settled all of them already."""
    chosen = choice.of(read_quarantine(workspace.lake, use_case.name, [choice.partition]))
    held = chosen[chosen["state"] == HELD]
    if not held.empty:
        return held
    settled = set(chosen["settled_by"])
    if len(settled) == 1:
        return workspace.ledger.get(settled.pop())
    raise NotFound(
        f"No such row of {choice.table} of {use_case.name} is held on {choice.partition}; see what is with: "
        f"./airlock quarantine show {use_case.name} {choice.partition}"
    )


def _named(use_case: UseCase, choice: Choice, workspace: Workspace) -> TableRef:
    table = lake_table(choice.table)
    version = workspace.lake.version(use_case.name, table)
    return TableRef(
        use_case=use_case.name, table=table, version=version, first=choice.partition, last=choice.partition
    )


def _evidence(
    kind: Literal["release", "discard"],
    use_case: UseCase,
    choice: Choice,
    chosen: pd.DataFrame,
    workspace: Workspace,
) -> ReleaseEvidence:
    rules = Counter(rule for text in chosen["rule"] for rule in text.split(", "))
    return ReleaseEvidence(
        kind=kind,
        table=choice.table,
        file_hash=str(chosen["file_hash"].iloc[0]),
        selection=keep_selection(workspace.selections, map(int, chosen["row"])),
        rows=len(chosen),
        rules=dict(sorted(rules.items())),
        ingestion_id=str(chosen["decision_id"].iloc[0]),
        contract_hash=use_case.contract_hash,
    )


def _broken(
    use_case: UseCase, choice: Choice, rows: pa.Table, rules: set[str], workspace: Workspace
) -> dict[str, int]:
    """Count the rows that break each rule which speaks of single rows, whatever its severity.

    A rule that allows a share of broken values says nothing of a handful of rows, unless they were set aside
    for it.
    """
    import pyarrow.parquet as pq

    contract = _every_row_counts(contract_of(use_case, choice.table))
    with task_folder() as folder:
        staged = write_staged(choice.table, rows, folder)
        context = RuleContext(
            use_case,
            choice.partition,
            folder,
            _other_tables(use_case, choice, workspace, folder) | {choice.table: staged},
            workspace,
            profiles_before(workspace, use_case.name, choice.partition, contract.trailing.days),
        )
        results, broken = evaluate(staged, contract, context)
        counts = (
            Counter(pq.read_table(broken.path, columns=["rule"])["rule"].to_pylist()) if broken.rows else {}
        )
    found = {
        result.rule: max(counts.get(result.rule, 0), result.violations)
        for result in results
        if result.violations
        and result.rule not in TABLE_RULES
        and (result.limit == 0 or result.rule in rules)
    }
    return dict(sorted(found.items()))


def _other_tables(
    use_case: UseCase, choice: Choice, workspace: Workspace, folder: Path
) -> dict[str, StagedTable]:
    """Stage the published rows of the partition's other tables, which rules may refer to."""
    found: dict[str, StagedTable] = {}
    for table in (BATCH, *use_case.source.side_tables):
        present = choice.partition in workspace.lake.partitions(use_case.name, lake_table(table))
        if table != choice.table and present:
            rows = read_published(use_case.name, choice.partition, table, workspace.lake).rows
            found[table] = write_staged(table, rows, folder)
    return found


def _every_row_counts(contract: Contract) -> Contract:
    """Return the contract with the severity that names each single row."""
    single = set(contract.rule_names()) - TABLE_RULES
    policies = {name: RulePolicy(severity="quarantine") for name in sorted(single)}
    return contract.model_copy(update={"rules": policies})


def _repeated_keys(use_case: UseCase, choice: Choice, rows: pa.Table, published: Published) -> int:
    """Count the rows whose key is taken: by the partition, or by another of them."""
    import pandas as pd

    contract = contract_of(use_case, choice.table)
    key = contract.unique or (use_case.problem.key if choice.table == BATCH else [])
    if not key:
        return 0
    ours, theirs = (table.select(key).to_pandas() for table in (rows, published.rows))
    taken = pd.concat([theirs, ours], ignore_index=True).duplicated(keep=False)
    return int(taken.iloc[len(theirs) :].sum())


def _record(
    use_case: UseCase,
    choice: Choice,
    evidence: ReleaseEvidence,
    ruling: Ruling,
    *,
    actor: str,
    workspace: Workspace,
) -> Decision:
    """Write the decision down; its as-of is the day of the correction, in data time."""
    written = workspace.lake.partitions(use_case.name, "batches")
    decision = workspace.ledger.append(
        decide(
            gate=evidence.kind,
            subject=Subject(
                use_case=use_case.name,
                partition=choice.partition,
                as_of=partitions.key_of(partitions.available_at(max([*written, choice.partition]))),
                actor=actor,
            ),
            ruling=ruling,
            evidence=evidence,
            policy={"contract": use_case.contract_hash},
            data_refs=[
                f"{use_case.name}/quarantine#{evidence.selection[:16]}",
                workspace.selections.address(f"{evidence.selection}.json"),
            ],
        )
    )
    if not decision.verdict.opens:
        raise GateRefused(gate=RELEASE, decision_id=decision.id, reasons=decision.reasons)
    return decision
