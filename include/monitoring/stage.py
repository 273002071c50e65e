"""Monitoring of one scored partition: the watches in their order, and what they hand on."""

from __future__ import annotations

import time
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.champions import Champion, champion_at
from include.decisions import Decision
from include.errors import NotFound, NothingToDo
from include.feature_sets import FeatureSet, load_feature_sets
from include.hashing import digest
from include.lake import TableRef
from include.monitoring import judging
from include.monitoring.explanation import Drifts
from include.monitoring.figures import publish_figures
from include.monitoring.ordering import judge_after_partition
from include.monitoring.page import render_page
from include.monitoring.report import libraries, render_report
from include.monitoring.settling import settle
from include.monitoring.watched import Watched
from include.page_libraries import put_page
from include.use_case import UseCase
from include.workspace import Workspace

_REPORT_TAG = "airlock.monitor_report"


class Health(BaseModel):
    """What monitoring found: references to its decisions, its page, and the training it ordered, if any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drift_id: str
    quality_id: str
    performance_id: str
    concept_id: str
    outcome_id: str
    retraining_id: str
    report: str
    metrics: TableRef
    train_as_of: str | None


def monitor(use_case: UseCase, partition: str, *, actor: str, workspace: Workspace) -> Health:
    """Watch one partition: what was scored, drift, performance, explanation, and whether to train.

    Raises:
        NothingToDo: the partition was not scored, because there was no champion.
        NotFound: there was one, but the partition was not scored.
    """
    started = time.monotonic()
    watched = _watched(use_case, partition, actor, workspace)
    quality = judging.judge_quality(watched)
    drifted, drifts = judging.judge_drift(watched)
    window = judging.read_window(watched)
    performed = judging.judge_performance(watched, window)
    concept = judging.judge_concept(watched, window)
    verdicts = {one.gate: one for one in (quality, drifted, performed, concept)}
    settled = settle(watched)
    report = _publish_page(watched, verdicts, drifts)
    metrics = publish_figures(watched, verdicts, settled, drifts, started=started)
    ordered = judge_after_partition(use_case, partition, actor=actor, workspace=workspace)
    return Health(
        drift_id=drifted.id,
        quality_id=quality.id,
        performance_id=performed.id,
        concept_id=concept.id,
        outcome_id=settled[partition].id,
        retraining_id=ordered.id,
        report=report,
        metrics=metrics,
        train_as_of=watched.as_of if ordered.verdict.opens else None,
    )


def _watched(use_case: UseCase, partition: str, actor: str, workspace: Workspace) -> Watched:
    partitions.parse(partition)
    name = use_case.name
    champion = champion_at(workspace.ledger, name, partition)
    if champion is None:
        raise NothingToDo(f"{name} had no champion on {partition}, so there is nothing to watch")
    scored = workspace.lake.read(name, "predictions", partitions=[partition])
    if scored.empty:
        raise NotFound(f"{name} has no predictions for {partition}; run {name}.score for it first")
    return Watched(
        use_case=use_case,
        partition=partition,
        actor=actor,
        champion=champion,
        features=_known_to(champion, use_case, workspace),
        predictions=scored,
        workspace=workspace,
    )


def _known_to(champion: Champion, use_case: UseCase, workspace: Workspace) -> FeatureSet:
    """Return the definitions that the champion learned from; today's where its own are gone."""
    found = load_feature_sets(use_case, workspace.settings)
    return found.get(champion.feature_set_version, next(iter(found.values())))


def _publish_page(watched: Watched, verdicts: Mapping[str, Decision], drifts: Drifts) -> str:
    """Write the page and Evidently's report, unless these verdicts have them; return the page's key."""
    if not watched.use_case.monitoring.report:
        return ""
    folder = f"{watched.use_case.name}/{watched.partition}"
    reports, reference = watched.workspace.reports, watched.reference
    evidently = ""
    if not reference.sample.empty:
        evidently = f"drift-{watched.predictions['content_hash'].iloc[0][:12]}.html"
        if not reports.exists(f"{folder}/{evidently}"):
            seed = watched.use_case.training.seed
            content = render_report(reference.sample, watched.rows, watched.features, seed)
            put_page(reports, f"{folder}/{evidently}", content, libraries())
    key = f"{folder}/monitor-{digest([one.id for one in verdicts.values()])[:12]}.html"
    if not reports.exists(key):
        reports.put(key, render_page(watched, verdicts, drifts, evidently))
        tags = {_REPORT_TAG: f"{watched.partition} {reports.address(key)}"}
        watched.workspace.registry.log_to_run(watched.champion.run_id, metrics={}, tags=tags)
    return key
