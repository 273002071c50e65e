"""Training of a candidate and its baseline, recorded in MLflow."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from include.decisions import Decision, Subject, code_version, decide
from include.errors import GateRefused
from include.hashing import canonical_json
from include.lake import LABEL, PARTITION
from include.registry import AS_OF_TAG, DECISION_TAG, FEATURES_TAG, HOLDOUT_TAG, TABLES_TAG, TRAINING_KEY
from include.training import gate
from include.training.assembling import TrainingSet, built_otherwise, entity_ref, why_missing
from include.training.leakage import Joint, joint_score, single_feature_scores
from include.training.recording import fit_and_log
from include.use_case import UseCase
from include.workspace import Workspace

GATE = "training"


class TrainedRun(BaseModel):
    """What a training hands to the evaluation: references only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    as_of: str
    decision_id: str


def train(use_case: UseCase, as_of: str, *, reason: str, actor: str, workspace: Workspace) -> TrainedRun:
    """Train a candidate and a baseline on what was knowable at the as-of.

    The same training set, declaration and code give the run that exists already. Of two that are under way
    at once, the first to end stands, and the other gives way to it.

    Raises:
        GateRefused: too little data, one label only, or a feature that looks like a leak. Nothing is trained.
        Outage: MLflow does not answer. The decision to train is in the ledger already.
    """
    registry = workspace.registry
    training_set = TrainingSet.assembled(use_case, as_of, workspace)
    decision = _judge(training_set, reason=reason, actor=actor, workspace=workspace)
    run_id = registry.finished_run(use_case.name, training_set.key) or _trained(
        training_set, {**_tags(training_set, reason), DECISION_TAG: decision.id}, workspace
    )
    return TrainedRun(run_id=run_id, as_of=as_of, decision_id=registry.run(run_id).data.tags[DECISION_TAG])


def _trained(training_set: TrainingSet, tags: dict[str, str], workspace: Workspace) -> str:
    """Train; return the run, or that of another training of the same inputs that came to its end before."""
    registry, name = workspace.registry, training_set.use_case.name
    with registry.recorded_run(name, name=f"{name} as of {training_set.as_of}", tags=tags) as run_id:
        fit_and_log(training_set, run_id, workspace)
        before = registry.finished_run(name, training_set.key)
    # Of two that ended in one moment, both find the same first.
    stands = before or registry.finished_run(name, training_set.key) or run_id
    if stands != run_id:
        registry.discard_run(run_id)
    return stands


def _judge(training_set: TrainingSet, *, reason: str, actor: str, workspace: Workspace) -> Decision:
    use_case = training_set.use_case
    evidence = _evidence(training_set, reason, workspace)
    decision = workspace.ledger.append(
        decide(
            gate=GATE,
            subject=Subject(use_case=use_case.name, as_of=training_set.as_of, actor=actor),
            ruling=gate.check(evidence, use_case.training),
            evidence=evidence,
            policy=use_case.training,
            data_refs=[
                str(ref) for ref in [*training_set.labelled.refs, *entity_ref(training_set, workspace)]
            ],
        )
    )
    if not decision.verdict.opens:
        raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    return decision


def _evidence(training_set: TrainingSet, reason: str, workspace: Workspace) -> gate.TrainingEvidence:
    labelled, kind = training_set.labelled, training_set.recipe.kind
    learned, held_out = training_set.learned, training_set.held_out
    otherwise = built_otherwise(training_set, workspace)
    found: dict[str, float | None] = {}
    together = Joint(None, [])
    if not learned.empty:
        found, together = _leaks(training_set)
    return gate.TrainingEvidence(
        reason=reason,
        train_partitions=int(learned[PARTITION].nunique()),
        holdout_partitions=int(held_out[PARTITION].nunique()),
        train_rows=len(learned),
        holdout_rows=len(held_out),
        positives=int(learned[LABEL].sum()) if kind.name == "binary" else None,
        label_varies=kind.varies(learned[LABEL].to_numpy()),
        missing=labelled.missing,
        missing_because=why_missing(training_set, workspace),
        feature_set_version=training_set.features.version,
        feature_set_versions=sorted({*labelled.rows["feature_set_version"], *otherwise}),
        built_otherwise=sorted({day for days in otherwise.values() for day in days}),
        use_case=training_set.use_case.name,
        measure="auc" if kind.classifies else "correlation",
        single_feature_auc=found,
        joint=together.score,
        joint_blamed=together.blamed,
        reads_outcome=training_set.reads_outcome,
        impossible=labelled.impossible,
        shared_entities=training_set.entities,
    )


def _leaks(training_set: TrainingSet) -> tuple[dict[str, float | None], Joint]:
    rule, recipe, learned = training_set.use_case.training, training_set.recipe, training_set.learned
    alone = single_feature_scores(
        recipe.kind,
        learned,
        learned[LABEL],
        learned[PARTITION],
        numbers=recipe.numbers,
        categories=recipe.categories,
    )
    limit = rule.max_joint_auc if recipe.kind.classifies else rule.max_joint_correlation
    return alone, joint_score(learned, recipe, limit=limit)


def _tags(training_set: TrainingSet, reason: str) -> dict[str, str]:
    use_case, window, labelled = training_set.use_case, training_set.window, training_set.labelled
    return {
        TRAINING_KEY: training_set.key,
        "airlock.use_case": use_case.name,
        "airlock.use_case_hash": use_case.hash,
        AS_OF_TAG: training_set.as_of,
        "airlock.reason": reason,
        "airlock.code_version": code_version(),
        "airlock.seed": str(use_case.training.seed),
        FEATURES_TAG: training_set.features.version,
        "airlock.training_set": " ".join(str(ref) for ref in labelled.refs),
        "airlock.train_partitions": f"{window.train[0]}..{window.train[-1]}",
        HOLDOUT_TAG: f"{window.holdout[0]}..{window.holdout[-1]}",
        "airlock.missing_partitions": " ".join(labelled.missing),
        TABLES_TAG: canonical_json({ref.table: ref.version for ref in labelled.refs}),
    }
