"""The daily chores of one use case, and of the ledger that all share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from include.champions import newest_champion
from include.decisions import Decision, Ruling, Subject, Verdict, decide
from include.errors import GateRefused
from include.lake import SIDE_TABLE_PREFIX, TABLES
from include.lake_outages import outages
from include.live_models import training_sets_in_use
from include.maintenance.merging import merge_small_files
from include.registry import CHAMPION
from include.use_case import UseCase
from include.workspace import Workspace

ALIAS_GATE = "alias"
ALIAS_RULE = "MLflow's champion alias points at the version that the ledger's newest promotion names"


class AliasEvidence(BaseModel):
    """What MLflow says and what the ledger says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = ALIAS_GATE
    alias_version: str | None
    ledger_version: str | None


def check_alias(evidence: AliasEvidence) -> Ruling:
    """Judge whether the alias was moved past the gates."""
    if evidence.alias_version == evidence.ledger_version:
        shown = f"version {evidence.ledger_version}" if evidence.ledger_version else "no champion"
        agreed = f"MLflow and the ledger agree on {shown}"
        return Ruling(verdict=Verdict.PASS, reasons=[agreed], rule=ALIAS_RULE)
    reason = (
        f"MLflow's champion is version {evidence.alias_version}, the ledger promoted version "
        f"{evidence.ledger_version}: the alias was moved by hand, or a promotion was cut short. Scoring "
        "follows the ledger. Run the promote task again, or set the alias back"
    )
    return Ruling(verdict=Verdict.REFUSE, reasons=[reason], rule=ALIAS_RULE)


def reconcile_alias(use_case: UseCase, *, actor: str, workspace: Workspace) -> Decision:
    """Compare MLflow's champion alias with the ledger.

    Raises:
        GateRefused: they differ. Nothing is moved: which of the two is right is for a person to say.
    """
    champion = newest_champion(workspace.ledger, use_case.name)
    evidence = AliasEvidence(
        alias_version=workspace.registry.alias_version(use_case.name, CHAMPION),
        ledger_version=champion.version if champion else None,
    )
    as_of = champion.as_of if champion else use_case.source.start_date.isoformat()
    decision = workspace.ledger.append(
        decide(
            gate=ALIAS_GATE,
            subject=Subject(use_case=use_case.name, as_of=as_of, actor=actor),
            ruling=check_alias(evidence),
            evidence=evidence,
            policy={},
            data_refs=[f"models:/{use_case.name}@{CHAMPION}"],
        )
    )
    if not decision.verdict.opens:
        raise GateRefused(gate=ALIAS_GATE, decision_id=decision.id, reasons=decision.reasons)
    return decision


def maintain_tables(use_case: UseCase, *, retention_days: int, workspace: Workspace) -> dict[str, int]:
    """Merge small files and remove those that no version within the retention names.

    Files of the versions that the training set of a model in use names stay, however old they are.

    Returns:
        Number of files removed, by table.

    Raises:
        Outage: the lake does not answer. What was merged or removed until then stays so.
    """
    removed: dict[str, int] = {}
    kept = _versions_in_use(use_case, workspace)
    side = [f"{SIDE_TABLE_PREFIX}{name}" for name in use_case.source.side_tables]
    for table in (*TABLES, *side):
        delta = merge_small_files(use_case.name, table, workspace)
        if delta is not None:
            with outages(workspace.lake.root):
                gone = delta.vacuum(
                    retention_hours=retention_days * 24,
                    dry_run=False,
                    keep_versions=sorted(kept.get(table, set())) or None,
                    # The library refuses less than a week, unless it is told that this is meant.
                    enforce_retention_duration=False,
                )
            removed[table] = len(gone)
    return removed


def _versions_in_use(use_case: UseCase, workspace: Workspace) -> dict[str, set[int]]:
    """Return the versions of each table that training sets name and that can still be read."""
    known = workspace.lake.partitions(use_case.name, "batches")
    kept: dict[str, set[int]] = {}
    for used in training_sets_in_use(workspace.ledger, use_case.name, known[-1]) if known else []:
        for ref in used.refs:
            kept.setdefault(ref.table, set()).add(ref.version)
    return kept
