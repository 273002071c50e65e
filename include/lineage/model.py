"""The model behind a partition's predictions: the decisions that put it in use, and the run it came from."""

from __future__ import annotations

from dataclasses import dataclass

from include.champions import champion_at
from include.decisions import Decision
from include.errors import NotFound, Outage
from include.lineage.facts import TRAINING, Remarks, Rows, table_versions
from include.lineage.runs import Run, read_run
from include.workspace import Workspace


@dataclass(frozen=True)
class Model:
    """What is known of a model; nothing of a partition that is not scored."""

    promotion: Decision | None = None
    evaluation: Decision | None = None
    training: Decision | None = None
    run: Run | None = None


def model_behind(
    workspace: Workspace, use_case: str, partition: str, predictions: Rows, remarks: Remarks
) -> Model:
    """Return the decisions that predictions rest on, and the run; what is odd about them is remarked."""
    ledger, promotion_id = workspace.ledger, predictions.named["promotion_id"]
    try:
        promotion = ledger.get(promotion_id)
        evaluation = ledger.get(promotion.evidence["evaluation_id"])
    except NotFound as error:
        remarks.broken.append(f"the predictions name a decision that the ledger does not hold: {error}")
        return Model()
    promoted = promotion.evidence["model"]["sha256"]
    if predictions.contract_hash != promoted:
        remarks.broken.append(
            f"the predictions name model files {predictions.contract_hash}, promoted were {promoted}"
        )
    _check_champion(workspace, use_case, partition, promotion, remarks)
    training = _training(workspace, use_case, evaluation)
    return Model(promotion, evaluation, training, _run(workspace, promotion, remarks))


def _check_champion(
    workspace: Workspace, use_case: str, partition: str, promotion: Decision, remarks: Remarks
) -> None:
    champion = champion_at(workspace.ledger, use_case, partition)
    if champion is None or champion.decision_id != promotion.id:
        today = f"version {champion.version}" if champion else "no version"
        remarks.notes.append(
            f"version {promotion.evidence['version']} made the predictions; by the ledger {today} "
            f"decides on {partition} now"
        )


def _training(workspace: Workspace, use_case: str, evaluation: Decision) -> Decision | None:
    """Return the decision to train: of the same as-of, on the same versions of the tables."""
    wanted = table_versions(evaluation)
    same = (
        found
        for found in workspace.ledger.find(use_case=use_case, gate=TRAINING)
        if found.as_of == evaluation.as_of and table_versions(found) == wanted
    )
    return next(same, None)


def _run(workspace: Workspace, promotion: Decision, remarks: Remarks) -> Run | None:
    try:
        return read_run(workspace, promotion.evidence["run_id"])
    except (NotFound, Outage) as error:
        remarks.notes.append(f"the training run is not shown: {error}")
        return None
