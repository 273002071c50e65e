"""Stages, gates and intake as metrics of Airflow: StatsD or OpenTelemetry, whichever is switched on.

`docs/metrics.md` lists the names; a test compares. The use case stands in the name, because plain StatsD has
no tags, and as a tag for those that do. The date does not: every day would be a series of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.configuration import conf
from airflow.sdk.observability.stats import gauge, incr, timing

if TYPE_CHECKING:
    from include.decisions import Decision
    from include.intake import Intake

_SWITCHES = ("statsd_on", "statsd_datadog_enabled", "otel_on")


def listening() -> bool:
    """Tell whether metrics go anywhere: reading the figures is not free."""
    return any(conf.getboolean("metrics", switch, fallback=False) for switch in _SWITCHES)


def emit_stage(use_case: str, stage: str, outcome: str, seconds: float) -> None:
    """Send how a task of a stage ended: `done`, `skipped`, `refused` or `failed`."""
    prefix, tags = f"airlock.{use_case}.stage.{stage}", {"use_case": use_case, "stage": stage}
    incr(f"{prefix}.{outcome}", tags=tags)
    timing(f"{prefix}.duration", seconds * 1000, tags=tags)


def emit_decision(decision: Decision) -> None:
    """Send the verdict of a gate that was recorded just now."""
    tags = {"use_case": decision.use_case, "gate": decision.gate, "verdict": decision.verdict.value}
    incr(f"airlock.{decision.use_case}.gate.{decision.gate}.{decision.verdict.value}", tags=tags)


def emit_ledger(decisions: int) -> None:
    """Send how many decisions a whole chain holds."""
    gauge("airlock.ledger.decisions", decisions)


def emit_intake(day: Intake) -> None:
    """Send the figures of one batch that was decided on just now."""
    prefix, tags = f"airlock.{day.use_case}.intake", {"use_case": day.use_case}
    incr(f"{prefix}.{'accepted' if day.verdict.opens else 'refused'}", tags=tags)
    if day.schema_violations:
        incr(f"{prefix}.schema_violations", day.schema_violations, tags=tags)
    gauge(f"{prefix}.rows_landed", day.landed, tags=tags)
    gauge(f"{prefix}.rows_held", day.held, tags=tags)
    gauge(f"{prefix}.rejected_share", day.rejected_share, tags=tags)
    if day.drift is not None:
        gauge(f"{prefix}.drift", day.drift, tags=tags)
    for column, share in day.null_shares.items():
        gauge(f"{prefix}.null_share.{column}", share, tags=tags | {"column": column})
    if day.latency_seconds is not None:
        timing(f"{prefix}.latency", day.latency_seconds * 1000, tags=tags)
