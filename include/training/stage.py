"""Training of a candidate and its baseline, recorded in MLflow."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from include.decisions import Decision, Subject, code_version, decide
from include.errors import GateRefused
from include.feature_sets import FeatureSet, load_features
from include.hashing import canonical_json, digest
from include.lake import LABEL, PARTITION
from include.registry import (
    AS_OF_TAG,
    BASELINE_TAG,
    DECISION_TAG,
    HOLDOUT_TAG,
    MODEL_TAG,
    REFERENCE_FILE,
    TABLES_TAG,
    TRAINING_KEY,
    LoggedModel,
    Registry,
)
from include.training import gate
from include.training_sets import LabelledRows, Window, read_labelled, window_of
from include.use_case import UseCase
from include.use_case_sections import Model
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

GATE = "training"
_EXAMPLE_ROWS = 5
_SERVING_PACKAGES = ("scikit-learn", "skops", "pandas", "numpy")


class TrainedRun(BaseModel):
    """What a training hands to the evaluation: references only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    as_of: str
    decision_id: str


@dataclass(frozen=True)
class _TrainingSet:
    """All that a candidate is made from."""

    use_case: UseCase
    as_of: str
    features: FeatureSet
    window: Window
    labelled: LabelledRows

    @classmethod
    def assembled(cls, use_case: UseCase, as_of: str, workspace: Workspace) -> _TrainingSet:
        window = window_of(use_case, as_of)
        return cls(
            use_case=use_case,
            as_of=as_of,
            features=load_features(use_case, workspace.settings),
            window=window,
            labelled=read_labelled(use_case, [*window.train, *window.holdout], as_of, workspace.lake),
        )

    @cached_property
    def key(self) -> str:
        """Hash of everything that the trained model depends on."""
        made_from = [self.as_of, self.use_case.hash, self.features.version, self.labelled.content]
        return digest([*made_from, code_version()])

    @cached_property
    def learned(self) -> pd.DataFrame:
        return self.labelled.of(self.window.train)

    @cached_property
    def held_out(self) -> pd.DataFrame:
        return self.labelled.of(self.window.holdout)


def train(use_case: UseCase, as_of: str, *, reason: str, actor: str, workspace: Workspace) -> TrainedRun:
    """Train a candidate and a baseline on what was knowable at the as-of.

    The same training set, declaration and code give the run that exists already.

    Raises:
        GateRefused: too little data, one label only, or a feature that looks like a leak. Nothing is trained.
        Outage: MLflow does not answer. The decision to train is in the ledger already.
    """
    registry = workspace.registry
    training_set = _TrainingSet.assembled(use_case, as_of, workspace)
    decision = _judge(training_set, reason=reason, actor=actor, workspace=workspace)
    if known := registry.finished_run(use_case.name, training_set.key):
        return TrainedRun(run_id=known, as_of=as_of, decision_id=registry.run(known).data.tags[DECISION_TAG])
    tags = {**_tags(training_set, reason), DECISION_TAG: decision.id}
    with registry.recorded_run(use_case.name, name=f"{use_case.name} as of {as_of}", tags=tags) as run_id:
        _fit_and_log(training_set, run_id, workspace)
    return TrainedRun(run_id=run_id, as_of=as_of, decision_id=decision.id)


def _judge(training_set: _TrainingSet, *, reason: str, actor: str, workspace: Workspace) -> Decision:
    use_case, labelled = training_set.use_case, training_set.labelled
    learned, held_out = training_set.learned, training_set.held_out
    evidence = gate.TrainingEvidence(
        reason=reason,
        train_partitions=int(learned[PARTITION].nunique()),
        holdout_partitions=int(held_out[PARTITION].nunique()),
        train_rows=len(learned),
        holdout_rows=len(held_out),
        positives=int(learned[LABEL].sum()),
        missing=labelled.missing,
        feature_set_version=training_set.features.version,
        feature_set_versions=sorted(set(labelled.rows["feature_set_version"])),
        single_feature_auc=_single_feature_aucs(learned, training_set.features),
    )
    decision = workspace.ledger.append(
        decide(
            gate=GATE,
            subject=Subject(use_case=use_case.name, as_of=training_set.as_of, actor=actor),
            ruling=gate.check(evidence, use_case.training),
            evidence=evidence,
            policy=use_case.training,
            data_refs=[str(ref) for ref in labelled.refs],
        )
    )
    if not decision.verdict.opens:
        raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    return decision


def _single_feature_aucs(learned: pd.DataFrame, features: FeatureSet) -> dict[str, float | None]:
    from include.training.leakage import single_feature_aucs

    if learned.empty:
        return {}
    return single_feature_aucs(
        learned,
        learned[LABEL],
        learned[PARTITION],
        numbers=features.numbers,
        categories=features.categories,
    )


def _tags(training_set: _TrainingSet, reason: str) -> dict[str, str]:
    use_case, window, labelled = training_set.use_case, training_set.window, training_set.labelled
    return {
        TRAINING_KEY: training_set.key,
        "airlock.use_case": use_case.name,
        "airlock.use_case_hash": use_case.hash,
        AS_OF_TAG: training_set.as_of,
        "airlock.reason": reason,
        "airlock.code_version": code_version(),
        "airlock.seed": str(use_case.training.seed),
        "airlock.feature_set_version": training_set.features.version,
        "airlock.training_set": " ".join(str(ref) for ref in labelled.refs),
        "airlock.train_partitions": f"{window.train[0]}..{window.train[-1]}",
        HOLDOUT_TAG: f"{window.holdout[0]}..{window.holdout[-1]}",
        "airlock.missing_partitions": " ".join(labelled.missing),
        TABLES_TAG: canonical_json({ref.table: ref.version for ref in labelled.refs}),
    }


def _fit_and_log(training_set: _TrainingSet, run_id: str, workspace: Workspace) -> None:
    registry, threads = workspace.registry, workspace.settings.omp_num_threads
    rule, learned = training_set.use_case.training, training_set.learned
    rows = learned[training_set.features.names]
    candidate = _fit(rule.model, training_set, threads)
    baseline = _fit(rule.baseline, training_set, threads)
    registry.log(
        params={
            **{f"model.{name}": value for name, value in rule.model.model_dump().items()},
            **{f"baseline.{name}": value for name, value in rule.baseline.model_dump().items()},
            "seed": rule.seed,
            "omp_num_threads": threads,
        },
        metrics={"train_rows": len(learned), "train_positive_share": float(learned[LABEL].mean())},
    )
    reference = {REFERENCE_FILE: _reference(training_set, candidate)}
    logged = _log_model(registry, candidate, name="model", rows=rows, extra_files=reference)
    compared = _log_model(registry, baseline, name="baseline", rows=rows, extra_files={})
    models = {MODEL_TAG: canonical_json(logged), BASELINE_TAG: canonical_json(compared)}
    registry.log_to_run(run_id, metrics={}, tags=models)


def _fit(model: Model, training_set: _TrainingSet, threads: int) -> Pipeline:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

    from include.training.models import build_pipeline

    features, learned = training_set.features, training_set.learned
    pipeline = build_pipeline(
        model,
        # There is nothing to learn from a number without any value, and the trees cannot bear one.
        numbers=[name for name in features.numbers if learned[name].notna().any()],
        categories=features.categories,
        seed=training_set.use_case.training.seed,
    )
    # More threads than cores collapse OpenMP's waiting loops; the number is logged with the run.
    with threadpool_limits(limits=threads):
        return pipeline.fit(learned[features.names], learned[LABEL])


def _log_model(
    registry: Registry, model: Pipeline, *, name: str, rows: pd.DataFrame, extra_files: Mapping[str, bytes]
) -> LoggedModel:
    from mlflow.models import infer_signature

    example = rows.head(_EXAMPLE_ROWS)
    return registry.log_model(
        model,
        name=name,
        signature=infer_signature(example, model.predict_proba(example)),
        input_example=example if extra_files else None,
        requirements=[f"{package}=={version(package)}" for package in _SERVING_PACKAGES],
        extra_files=extra_files,
    )


def _reference(training_set: _TrainingSet, model: Any) -> bytes:
    """Return a bounded sample of what the model learned from, with its scores, for the monitoring reports."""
    use_case, features, learned = training_set.use_case, training_set.features, training_set.learned
    size = min(use_case.monitoring.reference_rows, len(learned))
    sample = learned.sample(size, random_state=use_case.training.seed)[[*features.names, LABEL]]
    sample = sample.assign(score=model.predict_proba(sample[features.names])[:, 1])
    buffer = io.BytesIO()
    sample.to_parquet(buffer, index=False)
    return buffer.getvalue()
