"""Promotion of a candidate, in the ledger first and in MLflow after."""

from __future__ import annotations

from include import partitions
from include.cards import write_card
from include.champions import GATE, Champion, newest_champion, withdrawn
from include.decisions import Decision, Subject, decide
from include.errors import GateRefused
from include.promotion import approving, gate
from include.promotion.deciding import decided
from include.promotion.pointing import point_at_champion
from include.registry import CHALLENGER, FEATURES_TAG, MODEL_TAG
from include.use_case import UseCase
from include.workspace import Workspace

_EVALUATION = "evaluation"


def promote(
    use_case: UseCase,
    *,
    version: str,
    run_id: str,
    as_of: str,
    evaluation_id: str,
    approval_id: str = "",
    actor: str,
    workspace: Workspace,
) -> Decision:
    """Make a candidate the champion if the gate opens.

    The decision is recorded before the alias moves. Killed between the two, the task does the rest when it
    runs again, and until then maintenance reports that the two differ.

    Raises:
        GateRefused: the candidate did not pass, is older than the champion, was rolled back, or lacks the
            approval that the use case asks for. No alias moves.
        ArtefactCorrupted: the model's files differ from what was trained.
    """
    registry, ledger, name = workspace.registry, workspace.ledger, use_case.name

    def ruled() -> Decision:
        champion = newest_champion(ledger, name)
        if champion is not None and champion.run_id == run_id:
            return ledger.get(champion.decision_id)
        evidence = _evidence(
            use_case,
            champion,
            version=version,
            run_id=run_id,
            as_of=as_of,
            evaluation_id=evaluation_id,
            approval_id=approval_id,
            workspace=workspace,
        )
        return decide(
            gate=GATE,
            subject=Subject(use_case=name, as_of=as_of, actor=actor),
            ruling=gate.check(evidence, use_case.promotion),
            evidence=evidence,
            policy=use_case.promotion,
            data_refs=[f"models:/{name}/{version}"],
        )

    decision = decided(name, ledger, ruled)
    if not decision.verdict.opens:
        raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    point_at_champion(name, workspace)
    if registry.alias_version(name, CHALLENGER) == version:
        registry.delete_alias(name, CHALLENGER)
    write_card(use_case, version=version, run_id=run_id, workspace=workspace)
    return decision


def _evidence(
    use_case: UseCase,
    champion: Champion | None,
    *,
    version: str,
    run_id: str,
    as_of: str,
    evaluation_id: str,
    approval_id: str,
    workspace: Workspace,
) -> gate.PromotionEvidence:
    """Gather what the promotion rests on; the model's files are checked on the way."""
    registry, ledger, name = workspace.registry, workspace.ledger, use_case.name
    model = registry.version_model(name, version)
    registry.model_folder(model)
    evaluation = ledger.get(evaluation_id)
    approval = ledger.get(approval_id) if approval_id else None
    taken = withdrawn(ledger, name).get(run_id)
    return gate.PromotionEvidence(
        version=version,
        run_id=run_id,
        model=model,
        feature_set_version=registry.run(run_id).data.tags[FEATURES_TAG],
        as_of=as_of,
        effective_from=effective_from(use_case, as_of, workspace),
        evaluation_id=evaluation_id,
        evaluation_verdict=evaluation.verdict,
        trained_sha256=registry.tagged_model(run_id, MODEL_TAG).sha256,
        evaluated_run_id=evaluation.evidence["run_id"] if evaluation.gate == _EVALUATION else "",
        evaluated_as_of=evaluation.as_of,
        champion_version=champion.version if champion else None,
        champion_as_of=champion.as_of if champion else None,
        rolled_back_by=taken.id if taken else "",
        approval_id=approval_id,
        approval_verdict=approval.verdict if approval else None,
        approved_run_id=approval.evidence["run_id"] if approval and approval.gate == approving.GATE else "",
    )


def effective_from(use_case: UseCase, as_of: str, workspace: Workspace) -> str:
    """Return the as-of, or the day after the newest partition that was scored before this change of champion.

    What was scored stays decided by the model that scored it.
    """
    scored = workspace.lake.partitions(use_case.name, "predictions")
    return max([as_of, *(partitions.shift(newest, 1) for newest in scored[-1:])])
