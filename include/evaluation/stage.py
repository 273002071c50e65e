"""Evaluation of a trained run: the saved models are loaded back and scored on the holdout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from include import partitions
from include.champions import Champion, newest_champion
from include.decisions import Decision, Subject, Verdict, decide
from include.errors import ConfigurationError, GateRefused, GateUndecided
from include.evaluation import gate
from include.lake import LABEL, PARTITION
from include.problems import ProblemKind, kind_of
from include.registry import (
    AS_OF_TAG,
    BASELINE_TAG,
    CANDIDATE,
    HOLDOUT_TAG,
    MODEL_TAG,
    TABLES_TAG,
    Registry,
)
from include.stats.auc import auc_with_variance, paired_auc_difference
from include.training_sets import LabelledRows, read_labelled
from include.use_case import UseCase
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

GATE = "evaluation"


class Candidate(BaseModel):
    """A registered model version that passed its evaluation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    run_id: str
    as_of: str
    decision_id: str


@dataclass(frozen=True)
class _Holdout:
    """The days that a run did not learn from, and what its models are asked on them."""

    kind: ProblemKind
    inputs: pd.DataFrame
    label: np.ndarray
    days: np.ndarray

    @classmethod
    def of(cls, use_case: UseCase, labelled: LabelledRows) -> _Holdout:
        rows, kind = labelled.rows, kind_of(use_case.problem)
        return cls(kind=kind, inputs=rows, label=rows[LABEL].to_numpy(), days=rows[PARTITION].to_numpy())

    @property
    def judgeable(self) -> bool:
        """Tell whether there are two days, and of both classes each: below, no variance can be estimated."""
        if self.kind.name == "binary":
            return all(len(set(self.days[self.label == value])) > 1 for value in (0, 1))
        return len(set(self.days)) > 1 and self.kind.varies(self.label)

    def scores(self, model: Any) -> np.ndarray:
        return self.kind.scores(model, self.inputs)

    def auc(self, score: np.ndarray) -> gate.Auc:
        found = auc_with_variance(self.label, score, self.days)
        return gate.Auc(
            auc=found.auc, standard_error=found.standard_error, degrees_of_freedom=found.degrees_of_freedom
        )

    def difference(self, score: np.ndarray, other: np.ndarray) -> gate.Difference:
        found = paired_auc_difference(self.label, score, other, self.days)
        return gate.Difference(
            candidate=found.auc_a,
            other=found.auc_b,
            standard_error=found.standard_error,
            degrees_of_freedom=found.degrees_of_freedom,
        )


def evaluate(use_case: UseCase, run_id: str, as_of: str, *, actor: str, workspace: Workspace) -> Candidate:
    """Evaluate a run on its holdout; register it as a candidate when it passes.

    Raises:
        GateRefused: the candidate breaks a rule. No version is registered.
        GateUndecided: the holdout is too small to say. The champion stays.
        ConfigurationError: the run was trained as of another date.
        Outage: MLflow does not answer. No half-registered version remains.
    """
    registry = workspace.registry
    tags = registry.run(run_id).data.tags
    if tags[AS_OF_TAG] != as_of:
        trained = tags[AS_OF_TAG]
        raise ConfigurationError(f"Run {run_id} was trained as of {trained}, not {as_of}; ask with its own")
    # The run's own holdout: whatever the declaration says by now, no other days were kept from it.
    holdout = partitions.span(*tags[HOLDOUT_TAG].split(".."))
    labelled = read_labelled(use_case, holdout, as_of, workspace.lake, versions=json.loads(tags[TABLES_TAG]))
    evidence = _evidence(use_case, run_id, as_of, _Holdout.of(use_case, labelled), workspace)
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


def _evidence(
    use_case: UseCase, run_id: str, as_of: str, holdout: _Holdout, workspace: Workspace
) -> gate.EvaluationEvidence:
    label, registry = holdout.label, workspace.registry
    positives = int(label.sum()) if holdout.kind.name == "binary" else 0
    counts = {"rows": len(label), "positives": positives, "days": len(set(holdout.days))}
    if not holdout.judgeable:
        return gate.EvaluationEvidence(run_id=run_id, **counts)
    candidate = registry.load(registry.tagged_model(run_id, MODEL_TAG))
    score = holdout.scores(candidate)
    if holdout.kind.name != "binary":
        return gate.EvaluationEvidence(run_id=run_id, **counts, metrics=holdout.kind.metrics(label, score))
    simple = holdout.scores(registry.load(registry.tagged_model(run_id, BASELINE_TAG)))
    champion = newest_champion(workspace.ledger, use_case.name, other_than=run_id)
    state, model = _comparable(champion, as_of, candidate, registry)
    return gate.EvaluationEvidence(
        run_id=run_id,
        **counts,
        metrics=holdout.kind.metrics(label, score),
        auc=holdout.auc(score),
        baseline=holdout.difference(score, simple),
        champion_state=state,
        champion_version=champion.version if champion else "",
        champion=holdout.difference(score, holdout.scores(model)) if state == "compared" else None,
        day_losses=_day_losses(label, score, holdout.days),
    )


def _comparable(
    champion: Champion | None, as_of: str, candidate: Any, registry: Registry
) -> tuple[gate.ChampionState, Any]:
    """Say whether the champion can be compared with a candidate, and return its model if so."""
    if champion is None:
        return "none", None
    if champion.as_of > as_of:
        return "newer", None
    model = registry.load(champion.model)
    # Not asked of the rows: a table keeps the column of a feature that was removed, without values.
    if not set(model.feature_names_in_) <= set(candidate.feature_names_in_):
        return "incompatible", None
    return "compared", model


def _day_losses(label: np.ndarray, score: np.ndarray, days: np.ndarray) -> dict[str, gate.DayLoss]:
    from sklearn.metrics import log_loss

    return {
        str(day): gate.DayLoss(
            rows=int((days == day).sum()),
            log_loss=float(log_loss(label[days == day], score[days == day], labels=[0, 1])),
        )
        for day in sorted(set(days))
    }


def _metrics(evidence: gate.EvaluationEvidence) -> dict[str, float]:
    found = {f"holdout.{name}": value for name, value in evidence.metrics.items()}
    found["holdout.rows"] = float(evidence.rows)
    if evidence.baseline is not None:
        found["holdout.roc_auc_baseline"] = evidence.baseline.other
    if evidence.champion is not None:
        found["holdout.roc_auc_champion"] = evidence.champion.other
    return found
