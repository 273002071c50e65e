"""Features and labels of one partition, from the published batch to the lake."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from include import partitions
from include.decisions import Decision, Subject, decide
from include.errors import Awaited, GateRefused, NotFound
from include.feature_definitions import keep_definitions
from include.feature_sets import load_feature_sets
from include.features import gate
from include.features.assembling import assemble, publish
from include.features.gathering import Material

if TYPE_CHECKING:
    from include.features.gate import FeatureEvidence
    from include.lake import TableRef
    from include.use_case import UseCase
    from include.workspace import Workspace

GATE = "features"


def build(
    use_case: UseCase, partition: str, *, actor: str, workspace: Workspace, patient: bool = False
) -> tuple[Decision, TableRef]:
    """Build, check and publish the features and labels of one data date.

    The daily sums that its features of history follow are brought up to date on the way. Definitions that
    stand beside today's (`features.beside`) are built first. When one of them is refused, that is in the
    ledger and nothing else is held back: what is returned is about today's.

    Args:
        use_case: whose partition it is.
        partition: its key.
        actor: who asked.
        workspace: where the tables and the ledger are.
        patient: whether to wait for a side table that is not there yet, where its features want that;
            otherwise such a partition is refused.

    Raises:
        NotFound: no batch was published for this partition.
        Awaited: a side table is not there yet; nothing was decided.
        UseCaseError: a definition is wrong.
        GateRefused: the features break a rule; their tables are untouched.
    """
    today, *beside = load_feature_sets(use_case, workspace.settings).values()
    material = Material(use_case, today, [partition], workspace.lake)
    if partition not in material.contents:
        name = use_case.name
        raise NotFound(f"No batch of {name} is published for {partition}; run {name}.ingest for it first")
    if patient:
        _wait(material, partition)
    for features in beside:
        _build(replace(material, features=features), partition, actor, workspace)
    decision, ref = _build(material, partition, actor, workspace)
    if ref is None:
        raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    return decision, ref


def _build(
    material: Material, partition: str, actor: str, workspace: Workspace
) -> tuple[Decision, TableRef | None]:
    """Build one feature set; nothing is published of one that is refused."""
    keep_definitions(material.use_case, material.features, workspace)
    assembled, use_case = assemble(material), material.use_case
    evidence, batch = assembled.evidence[partition], assembled.sources[partition].batch
    decision = workspace.ledger.append(decision_of(use_case, partition, evidence, batch, actor))
    if not decision.verdict.opens:
        return decision, None
    return decision, publish(use_case, assembled, [partition], workspace.lake)


def _wait(material: Material, partition: str) -> None:
    wanted = {one.table for one in material.features.joined_ones if one.when_missing == "wait"}
    if missing := sorted(wanted & set(material.missing_tables(partition))):
        raise Awaited(
            f"Nothing was published yet of {', '.join(missing)} for {partition}, and its features wait for it"
        )


def decision_of(
    use_case: UseCase, partition: str, evidence: FeatureEvidence, batch: str, actor: str
) -> Decision:
    """Judge the features of a partition; `batch` names the content that they were built from."""
    return decide(
        gate=GATE,
        subject=Subject(
            use_case=use_case.name,
            partition=partition,
            as_of=partitions.key_of(partitions.available_at(partition)),
            actor=actor,
        ),
        ruling=gate.check(evidence, use_case.features),
        evidence=evidence,
        policy=use_case.features,
        data_refs=[f"{use_case.name}/batches#{batch}"],
        mode=use_case.features.mode,
    )
