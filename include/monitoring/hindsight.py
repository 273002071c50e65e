"""Scoring past retraining decisions once enough later days have their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include import partitions
from include.champions import Champion, champions_of
from include.decisions import Decision, Subject, decide
from include.lake import LABEL, PARTITION, ROW_KEY
from include.monitoring import outcomes, retraining
from include.monitoring.outcomes import OutcomeEvidence
from include.monitoring.retraining import RetrainingEvidence
from include.problems import kind_of
from include.registry import FEATURES_TAG, MODEL_TAG
from include.stats.auc import paired_auc_difference
from include.stats.paired_blocks import PairedDifference, paired_block_difference
from include.training_sets import read_labelled
from include.use_case import UseCase
from include.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

_EVALUATION = "evaluation"
_TRAINING = "training"
# Due decisions are looked for so long: a partition that is late does not lose them.
_PATIENCE_DAYS = 31


def score_past_decisions(
    use_case: UseCase, partition: str, *, actor: str, workspace: Workspace
) -> list[Decision]:
    """Score every retraining decision that has become due by a monitored partition, and record each once.

    An order is due when `outcome_days` after it have their labels; what was held back waits as long for a
    training to be compared with. The figures are written to the run of the model that is judged as well.

    Returns:
        The outcomes that are new.
    """
    ledger, name, policy = workspace.ledger, use_case.name, use_case.monitoring.retraining
    now = partitions.key_of(partitions.available_at(partition))
    scored = {found.evidence["decision_id"] for found in ledger.find(use_case=name, gate=outcomes.GATE)}
    since = partitions.shift(now, -2 * policy.outcome_days - use_case.labels.delay_days - _PATIENCE_DAYS)
    found: list[Decision] = []
    for decision in reversed(ledger.find(use_case=name, gate=retraining.GATE, as_of_since=since)):
        evidence = RetrainingEvidence.model_validate(decision.evidence)
        held_back = not decision.verdict.opens
        if decision.id in scored or (held_back and not _had_ground(evidence, use_case)):
            continue
        if now < _due(use_case, decision):
            continue
        outcome = _outcome(use_case, decision, evidence, now, workspace)
        found.append(_record(use_case, decision, outcome, now, actor=actor, workspace=workspace))
    return found


def _had_ground(evidence: RetrainingEvidence, use_case: UseCase) -> bool:
    """Tell whether something asked for a training: the schedule always does."""
    asks = retraining.ground_of(evidence, use_case.monitoring.retraining) is not None
    return evidence.asked_by == "schedule" or asks


def _due(use_case: UseCase, decision: Decision) -> str:
    """Return the data time at which the outcome can be known."""
    days = use_case.monitoring.retraining.outcome_days
    reach = days if decision.verdict.opens else 2 * days
    return partitions.shift(decision.as_of, reach - 1 + max(use_case.labels.delay_days, 1))


def _outcome(
    use_case: UseCase, decision: Decision, evidence: RetrainingEvidence, now: str, workspace: Workspace
) -> OutcomeEvidence:
    ledger, name = workspace.ledger, use_case.name
    started = decision.verdict.opens
    reach = use_case.monitoring.retraining.outcome_days
    last = decision.as_of if started else partitions.shift(decision.as_of, reach)
    evaluation = _first(ledger.find(use_case=name, gate=_EVALUATION), decision.as_of, last, after=not started)
    refused = _first(ledger.find(use_case=name, gate=_TRAINING), decision.as_of, last, after=not started)
    replaced = next((found for found in champions_of(ledger, name) if found.as_of < decision.as_of), None)
    trained = evaluation or refused
    base = OutcomeEvidence(
        decision_id=decision.id,
        asked_by=evidence.asked_by,
        started=started,
        signals=sorted({gate for gates in evidence.marked.values() for gate in gates}),
        trained_as_of=trained.as_of if trained else None,
        passed=evaluation.verdict.opens if evaluation else (False if refused and started else None),
        replaced_version=replaced.version if replaced else "",
        days=[],
    )
    if evaluation is None or replaced is None:
        return base
    return _compared(use_case, base, evaluation=evaluation, replaced=replaced, now=now, workspace=workspace)


def _first(found: list[Decision], first: str, last: str, *, after: bool) -> Decision | None:
    """Return the newest decision about the earliest as-of of a range; `after` leaves the first day out."""
    inside = [
        decision
        for decision in found
        if (first < decision.as_of if after else first <= decision.as_of) and decision.as_of <= last
    ]
    return min(inside, key=lambda decision: decision.as_of, default=None)


def _compared(
    use_case: UseCase,
    base: OutcomeEvidence,
    *,
    evaluation: Decision,
    replaced: Champion,
    now: str,
    workspace: Workspace,
) -> OutcomeEvidence:
    registry, kind = workspace.registry, kind_of(use_case.problem)
    reach = use_case.monitoring.retraining.outcome_days
    days = partitions.span(evaluation.as_of, partitions.shift(evaluation.as_of, reach - 1))
    run = registry.run(evaluation.evidence["run_id"])
    wanted = run.data.tags[FEATURES_TAG]
    rows = read_labelled(use_case, days, now, workspace.lake, feature_set_version=wanted).rows
    present = sorted(set(rows[PARTITION]))
    models = [registry.load(registry.tagged_model(run.info.run_id, MODEL_TAG)), registry.load(replaced.model)]
    asked = [rows, rows]
    if replaced.feature_set_version != wanted:
        other = read_labelled(
            use_case, days, now, workspace.lake, feature_set_version=replaced.feature_set_version
        )
        asked[1] = rows[[PARTITION, ROW_KEY]].merge(other.rows, on=[PARTITION, ROW_KEY])
    label = rows[LABEL].to_numpy()
    known = all(
        set(model.feature_names_in_) <= set(found.columns) and len(found) == len(rows)
        for model, found in zip(models, asked, strict=True)
    )
    if len(present) < 2 or not known or not kind.varies(label):  # noqa: PLR2004 -- two days, or no spread
        return base.model_copy(update={"days": present, "rows": len(rows)})
    scores = [kind.scores(model, found) for model, found in zip(models, asked, strict=True)]
    found = _difference(kind, label, scores, rows[PARTITION].to_numpy(dtype=str))
    return base.model_copy(
        update={
            "days": present,
            "rows": len(rows),
            "metric": kind.primary if kind.name == "binary" else kind.row_loss,
            "difference": round(found.difference, 6),
            "standard_error": round(found.standard_error, 8),
            "degrees_of_freedom": found.degrees_of_freedom,
        }
    )


def _difference(kind: Any, label: np.ndarray, scores: list[Any], days: np.ndarray) -> PairedDifference:
    """Compare two models: by AUC where there are two classes, elsewhere by the loss of each row."""
    if kind.name == "binary":
        auc = paired_auc_difference(label, scores[0], scores[1], days)
        return PairedDifference(auc.difference, auc.standard_error, auc.degrees_of_freedom)
    losses = [kind.row_losses(label, score) for score in scores]
    return paired_block_difference(losses[1] - losses[0], days)


def _record(
    use_case: UseCase,
    decision: Decision,
    outcome: OutcomeEvidence,
    now: str,
    *,
    actor: str,
    workspace: Workspace,
) -> Decision:
    policy = use_case.monitoring.retraining
    recorded = workspace.ledger.append(
        decide(
            gate=outcomes.GATE,
            subject=Subject(use_case=use_case.name, partition=decision.partition, as_of=now, actor=actor),
            ruling=outcomes.check(outcome, policy),
            evidence=outcome,
            policy=policy,
            data_refs=[f"decision/{decision.id}"],
        )
    )
    _log(use_case, outcome, workspace)
    return recorded


def _log(use_case: UseCase, outcome: OutcomeEvidence, workspace: Workspace) -> None:
    """Write the figures to the run that was judged, with the scores of the triggers by then."""
    if outcome.difference is None or not outcome.started:
        return
    evaluations = workspace.ledger.find(use_case=use_case.name, gate=_EVALUATION)
    judged = next(found for found in evaluations if found.as_of == outcome.trained_as_of)
    metrics = {"later.difference": outcome.difference, "later.days": float(len(outcome.days))}
    for found in trigger_scores(use_case, workspace):
        for name, value in (("precision", found.precision), ("recall", found.recall)):
            if value is not None:
                metrics[f"triggers.{found.trigger}.{name}"] = value
    workspace.registry.log_to_run(judged.evidence["run_id"], metrics=metrics, tags={})


def trigger_scores(use_case: UseCase, workspace: Workspace) -> list[outcomes.TriggerScore]:
    """Return precision and recall of the triggers over all outcomes of a use case."""
    found = workspace.ledger.find(use_case=use_case.name, gate=outcomes.GATE)
    judged = [(OutcomeEvidence.model_validate(decision.evidence), decision.verdict) for decision in found]
    return outcomes.score(judged, use_case.monitoring.retraining.outcome_alpha)
