"""Monitoring of one scored partition: the watches in their order, and what they hand on."""

from __future__ import annotations

import time

from pydantic import BaseModel, ConfigDict

from include.lake import TableRef
from include.monitoring import judging
from include.monitoring.figures import publish_figures
from include.monitoring.ordering import judge_after_partition
from include.monitoring.reporting import key_of_report
from include.monitoring.settling import settle
from include.monitoring.watched import watch
from include.use_case import UseCase
from include.workspace import Workspace


class Health(BaseModel):
    """What monitoring found: references to its decisions, and the training it ordered, if any.

    Attributes:
        report: where `include.monitoring.reporting` puts the page on these decisions; empty where there is
            none.
    """

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
    watched = watch(use_case, partition, actor=actor, workspace=workspace)
    quality = judging.judge_quality(watched)
    drifted = judging.judge_drift(watched)
    window = judging.read_window(watched)
    performed = judging.judge_performance(watched, window)
    concept = judging.judge_concept(watched, window)
    verdicts = {one.gate: one for one in (quality, drifted, performed, concept)}
    settled = settle(watched)
    metrics = publish_figures(watched, verdicts, settled, started=started)
    ordered = judge_after_partition(use_case, partition, actor=actor, workspace=workspace)
    return Health(
        drift_id=drifted.id,
        quality_id=quality.id,
        performance_id=performed.id,
        concept_id=concept.id,
        outcome_id=settled[partition].id,
        retraining_id=ordered.id,
        report=key_of_report(watched, verdicts) if use_case.monitoring.report else "",
        metrics=metrics,
        train_as_of=watched.as_of if ordered.verdict.opens else None,
    )
