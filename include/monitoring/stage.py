"""Monitoring of one scored partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from pydantic import BaseModel, ConfigDict

from include import partitions
from include.champions import Champion, champion_at
from include.decisions import Decision, Ruling, Subject, decide
from include.errors import NotFound, NothingToDo
from include.feature_sets import FeatureSet, load_features
from include.lake import LABEL, PARTITION, ROW_KEY, TableRef
from include.monitoring import drift, performance
from include.monitoring.ordering import judge_after_partition
from include.monitoring.report import render_report
from include.registry import REFERENCE_FILE
from include.use_case import UseCase
from include.workspace import Workspace

if TYPE_CHECKING:
    from include.lake import Lake


class Health(BaseModel):
    """What monitoring found: references to its decisions, its report, and the training it ordered, if any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drift_id: str
    performance_id: str
    retraining_id: str
    report: str
    metrics: TableRef
    train_as_of: str | None


def monitor(use_case: UseCase, partition: str, *, actor: str, workspace: Workspace) -> Health:
    """Watch one partition: drift, performance, report, and whether a training is to be ordered.

    Raises:
        NothingToDo: the partition was not scored, because there was no champion.
    """
    partitions.parse(partition)
    lake, name = workspace.lake, use_case.name
    champion = champion_at(workspace.ledger, name, partition)
    if champion is None:
        raise NothingToDo(f"{name} had no champion on {partition}, so there is nothing to watch")
    features = load_features(use_case, workspace.settings)
    scored = lake.read(name, "predictions", partitions=[partition])
    if scored.empty:
        raise NotFound(f"{name} has no predictions for {partition}; run {name}.score for it first")
    subject = Subject(
        use_case=name,
        partition=partition,
        as_of=partitions.key_of(partitions.available_at(partition)),
        actor=actor,
    )
    drifted = _judge_drift(use_case, subject, partition, workspace)
    performed = _judge_performance(use_case, subject, partition, champion, workspace)
    report = _report(use_case, champion, features, scored, workspace)
    ordered = judge_after_partition(use_case, partition, actor=actor, workspace=workspace)
    return Health(
        drift_id=drifted.id,
        performance_id=performed.id,
        retraining_id=ordered.id,
        report=report,
        metrics=_publish_metrics(use_case, drifted, performed, scored, lake),
        train_as_of=subject.as_of if ordered.verdict.opens else None,
    )


def _record(
    workspace: Workspace,
    *,
    gate: str,
    subject: Subject,
    ruling: Ruling,
    evidence: BaseModel,
    policy: BaseModel,
) -> Decision:
    refs = [f"{subject.use_case}/predictions/{subject.partition}"]
    return workspace.ledger.append(
        decide(gate=gate, subject=subject, ruling=ruling, evidence=evidence, policy=policy, data_refs=refs)
    )


def _judge_drift(use_case: UseCase, subject: Subject, partition: str, workspace: Workspace) -> Decision:
    policy = use_case.monitoring.drift
    days = partitions.span(partitions.shift(partition, -drift.days_needed(policy)), partition)
    profiles = workspace.lake.read(
        use_case.name, "feature_profiles", partitions=days, known_by=partitions.parse(subject.as_of)
    )
    evidence = drift.drift_evidence(profiles, partition, policy)
    return _record(
        workspace,
        gate=drift.GATE,
        subject=subject,
        ruling=drift.check(evidence, policy),
        evidence=evidence,
        policy=policy,
    )


def _judge_performance(
    use_case: UseCase, subject: Subject, partition: str, champion: Champion, workspace: Workspace
) -> Decision:
    policy = use_case.monitoring.performance
    days = partitions.span(partitions.shift(partition, 1 - policy.window_days), partition)
    known_by = partitions.parse(subject.as_of)
    scores = workspace.lake.read(use_case.name, "predictions", partitions=days, known_by=known_by)
    labels = workspace.lake.read(use_case.name, "labels", partitions=days, known_by=known_by)
    judged = scores[scores["promotion_id"] == champion.decision_id].merge(
        labels[[PARTITION, ROW_KEY, LABEL]].dropna(), on=[PARTITION, ROW_KEY], validate="one_to_one"
    )
    evaluation = workspace.ledger.get(champion.evaluation_id)
    evidence = performance.PerformanceEvidence(
        model_version=champion.version,
        live={
            str(day): performance.day_performance(rows[LABEL].astype(int), rows["score"])
            for day, rows in judged.groupby(PARTITION)
        },
        holdout_losses=[day["log_loss"] for day in evaluation.evidence["day_losses"].values()],
    )
    return _record(
        workspace,
        gate=performance.GATE,
        subject=subject,
        ruling=performance.check(evidence, policy),
        evidence=evidence,
        policy=policy,
    )


def _report(
    use_case: UseCase,
    champion: Champion,
    features: FeatureSet,
    scored: pd.DataFrame,
    workspace: Workspace,
) -> str:
    """Write Evidently's report unless these predictions have one; return its key, empty if switched off."""
    if not use_case.monitoring.report:
        return ""
    partition = str(scored[PARTITION].iloc[0])
    key = f"{use_case.name}/{partition}/drift-{scored['content_hash'].iloc[0][:12]}.html"
    if not workspace.reports.exists(key):
        folder = workspace.registry.model_folder(champion.model)
        reference = pd.read_parquet(next(folder.rglob(REFERENCE_FILE)))
        rows = workspace.lake.read(use_case.name, "features", partitions=[partition])
        current = rows.merge(scored[[ROW_KEY, "score"]], on=ROW_KEY, validate="one_to_one")
        workspace.reports.put(key, render_report(reference, current, features, use_case.training.seed))
    return key


def _publish_metrics(
    use_case: UseCase, drifted: Decision, performed: Decision, scored: pd.DataFrame, lake: Lake
) -> TableRef:
    """Write the partition's figures, one a row: `name`, `subject` (a column or empty), `value`."""
    partition = str(scored[PARTITION].iloc[0])
    today = performed.evidence["live"].get(partition, {})
    figures = [
        ("predictions.rows", "", float(len(scored))),
        ("predictions.mean", "", float(scored["score"].mean())),
        *(("drift.ratio", column, ratio) for column, ratio in drifted.evidence["columns"].items()),
        *((f"performance.{name}", "", value) for name, value in today.items() if value is not None),
    ]
    if drifted.evidence["magnitude"] is not None:
        figures.append(("drift.magnitude", "", drifted.evidence["magnitude"]))
    rows = pd.DataFrame(sorted(figures), columns=["name", "subject", "value"]).astype({"value": "float64"})
    return lake.write_partition(
        use_case.name,
        "metrics",
        partition,
        rows.assign(known_at=partitions.available_at(partition)),
        source_hash=str(scored["content_hash"].iloc[0]),
        contract_hash=use_case.hash,
    )
