"""Evaluation of a trained run: the saved models are loaded back and scored on the holdout."""

from __future__ import annotations

import json
import math

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.cards import write_card
from include.decisions import Decision, Subject, Verdict, decide
from include.errors import ConfigurationError, GateRefused, GateUndecided
from include.evaluation import gate
from include.evaluation.figures import Difference, Estimate, EvaluationEvidence
from include.evaluation.measuring import GATE, measured
from include.registry import (
    AS_OF_TAG,
    CANDIDATE,
    FEATURES_TAG,
    HOLDOUT_TAG,
    MODEL_TAG,
    TABLES_TAG,
    Registry,
)
from include.saved_models import check_saved
from include.training_sets import read_labelled
from include.use_case import UseCase
from include.workspace import Workspace


class Candidate(BaseModel):
    """A registered model version that passed its evaluation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    run_id: str
    as_of: str
    decision_id: str


def evaluate(use_case: UseCase, run_id: str, as_of: str, *, actor: str, workspace: Workspace) -> Candidate:
    """Evaluate a run on its holdout; register it as a candidate when it passes.

    Raises:
        GateRefused: the candidate breaks a rule. No version is registered.
        GateUndecided: the holdout is too small to say. The champion stays.
        ConfigurationError: the run was trained as of another date.
        ArtefactCorrupted: the saved model was changed, or answers otherwise than the one that was trained.
        Outage: MLflow does not answer. No half-registered version remains.
    """
    registry = workspace.registry
    tags = registry.run(run_id).data.tags
    if tags[AS_OF_TAG] != as_of:
        trained = tags[AS_OF_TAG]
        raise ConfigurationError(f"Run {run_id} was trained as of {trained}, not {as_of}; ask with its own")
    # The run's own holdout: whatever the declaration says by now, no other days were kept from it.
    holdout = partitions.span(*tags[HOLDOUT_TAG].split(".."))
    labelled = read_labelled(
        use_case,
        holdout,
        as_of,
        workspace.lake,
        feature_set_version=tags[FEATURES_TAG],
        versions=json.loads(tags[TABLES_TAG]),
    )
    check_saved(use_case, run_id, registry, threads=workspace.settings.omp_num_threads)
    evidence = measured(use_case, run_id, as_of, labelled, workspace)
    decision = workspace.ledger.append(
        decide(
            gate=GATE,
            subject=Subject(use_case=use_case.name, as_of=as_of, actor=actor),
            ruling=gate.check(evidence, use_case.evaluation),
            evidence=evidence,
            policy=use_case.evaluation,
            data_refs=[str(ref) for ref in labelled.refs],
            mode=use_case.evaluation.mode,
        )
    )
    registry.log_to_run(
        run_id, metrics=_metrics(evidence), tags={"airlock.evaluation": decision.verdict.value}
    )
    if decision.verdict is Verdict.UNDECIDED:
        raise GateUndecided(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    if not decision.verdict.opens:
        raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    version = _register(use_case, run_id, tags, decision, registry)
    write_card(use_case, version=version, run_id=run_id, workspace=workspace)
    # A late evaluation of an old run does not put it in the place of a newer candidate.
    if evidence.champion_state != "newer":
        registry.set_alias(use_case.name, CANDIDATE, version)
    return Candidate(version=version, run_id=run_id, as_of=as_of, decision_id=decision.id)


def _register(
    use_case: UseCase, run_id: str, tags: dict[str, str], decision: Decision, registry: Registry
) -> str:
    kept = {name: value for name, value in tags.items() if name.startswith("airlock.") and name != MODEL_TAG}
    return registry.register(
        use_case.name,
        model=registry.tagged_model(run_id, MODEL_TAG),
        run_id=run_id,
        tags={**kept, "airlock.evaluation_decision": decision.id},
    )


def _metrics(evidence: EvaluationEvidence) -> dict[str, float]:
    """Return what MLflow shows: every metric with its standard error, and the other models' beside it."""
    found = {f"holdout.{name}": value for name, value in evidence.metrics.items()}
    found["holdout.rows"] = float(evidence.rows)
    for key, figure in evidence.figures.items():
        about, _, metric = key.partition(":")
        if isinstance(figure, Estimate):
            found[f"holdout.{metric}_standard_error"] = figure.standard_error
        elif isinstance(figure, Difference):
            found[f"holdout.{metric}_{about}"] = figure.other
    return {name: value for name, value in found.items() if math.isfinite(value)}
