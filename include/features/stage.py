"""Features and labels of one partition, from the published batch to the lake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from include import partitions
from include.decisions import Decision, Subject, decide
from include.errors import Awaited, GateRefused, NotFound
from include.feature_definitions import keep_definitions
from include.feature_sets import load_feature_sets
from include.features.assembling import assemble, publish
from include.features.gate import check
from include.features.gathering import Material
from include.features.history import wanted_of

if TYPE_CHECKING:
    from include.feature_sets import FeatureSet
    from include.features.assembling import Assembled
    from include.lake import Lake, TableRef
    from include.ledger import Ledger
    from include.use_case import UseCase
    from include.workspace import Workspace

GATE = "features"
BESIDE = "features_beside"  # of older definitions, built while models that learned from them are in use


def build(
    use_case: UseCase, partition: str, *, actor: str, workspace: Workspace, patient: bool = False
) -> tuple[Decision, TableRef]:
    """Build, check and publish the features and labels of one data date.

    The daily sums that its features of history follow are brought up to date on the way.

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
    sets = load_feature_sets(use_case, workspace.settings)
    for features in sets.values():
        keep_definitions(use_case, features, workspace)
    today, *beside = materials(use_case, sets.values(), [partition], workspace.lake)
    if partition not in today.contents:
        name = use_case.name
        raise NotFound(f"No batch of {name} is published for {partition}; run {name}.ingest for it first")
    if patient:
        _wait(today, partition)
    assembled = assemble(today)
    [decision] = decide_on(use_case, assembled, [partition], actor=actor, ledger=workspace.ledger)
    # Each set is published or refused for itself: a champion of older definitions goes on scoring.
    for older in map(assemble, beside):
        [verdict] = decide_on(use_case, older, [partition], actor=actor, ledger=workspace.ledger, gate=BESIDE)
        if verdict.verdict.opens:
            publish(use_case, older, [partition], workspace.lake)
    if not decision.verdict.opens:
        raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    return decision, publish(use_case, assembled, [partition], workspace.lake)


def materials(
    use_case: UseCase, sets: Iterable[FeatureSet], days: Sequence[str], lake: Lake
) -> list[Material]:
    """Return what the tables hold for each of the feature sets that stand side by side."""
    beside = list(sets)
    wanted = wanted_of(feature for features in beside for feature in features.of_history)
    return [Material(use_case, features, wanted, days, lake) for features in beside]


def _wait(material: Material, partition: str) -> None:
    wanted = {one.table for one in material.features.joined_ones if one.when_missing == "wait"}
    if missing := sorted(wanted & set(material.missing_tables(partition))):
        raise Awaited(
            f"Nothing was published yet of {', '.join(missing)} for {partition}, and its features wait for it"
        )


def decide_on(
    use_case: UseCase,
    assembled: Assembled,
    days: Sequence[str],
    *,
    actor: str,
    ledger: Ledger,
    gate: str = GATE,
) -> list[Decision]:
    """Judge the features of each day and record the decisions, all in one transaction."""
    return ledger.append_all(
        [
            decide(
                gate=gate,
                subject=Subject(
                    use_case=use_case.name,
                    partition=day,
                    as_of=partitions.key_of(partitions.available_at(day)),
                    actor=actor,
                ),
                ruling=check(assembled.evidence[day], use_case.features),
                evidence=assembled.evidence[day],
                policy=use_case.features,
                data_refs=[f"{use_case.name}/batches#{assembled.sources[day].batch}"],
                mode=use_case.features.mode,
            )
            for day in days
        ]
    )
