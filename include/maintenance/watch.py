"""Watching the watchers: has what should have come by now come?

This is the one gate that reads the clock of the machine. Every other decision is about data and must be the
same in a replay; this one is about the running system, and a system that stands still makes no data time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.champions import champions_of
from include.decisions import Decision, Ruling, Subject, Verdict, decide
from include.errors import GateRefused
from include.use_case import UseCase
from include.use_case_sections import Watch
from include.workspace import Workspace

GATE = "watch"
RULE = "scheduled data dates without batches, labels, predictions or monitoring, by the machine's clock"
_LOOKED_AT = 400
_INGESTION = "ingestion"


class WatchEvidence(BaseModel):
    """What should be there and what is.

    Attributes:
        today: the machine's date in the use case's time zone.
        begun: whether anything was ever ingested; before, the use case is not in use yet.
        ended: whether the data have ended, so that nothing is due.
        newest: newest data date by kind of result; None where there is none at all.
        missed: scheduled data dates after it whose run is due, by kind of result.
        champion_age_days: from the champion's as-of to the newest batch; None without a champion.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["watch"] = "watch"
    today: str
    begun: bool = True
    ended: bool
    newest: dict[str, str | None]
    missed: dict[str, int]
    champion_age_days: int | None = None


def check(evidence: WatchEvidence, policy: Watch) -> Ruling:
    """Judge whether something has been missing for longer than the schedule allows."""
    if not evidence.begun:
        return Ruling(verdict=Verdict.PASS, reasons=["nothing was ever ingested, not in use yet"], rule=RULE)
    if evidence.ended:
        return Ruling(verdict=Verdict.PASS, reasons=["the data have ended, nothing is due"], rule=RULE)
    late = [
        f"no {kind} since {evidence.newest[kind] or 'the start'}: {missed} scheduled dates are missing, "
        f"allowed are {policy.missed_runs}"
        for kind, missed in evidence.missed.items()
        if missed > policy.missed_runs
    ]
    age = evidence.champion_age_days
    if policy.champion_days is not None and age is not None and age > policy.champion_days:
        late.append(
            f"the champion is {age} days older than the newest batch, allowed are {policy.champion_days}"
        )
    told = f"{', '.join(evidence.missed)} are as new as the schedule asks"
    return Ruling(verdict=Verdict.REFUSE if late else Verdict.PASS, reasons=late or [told], rule=RULE)


def watch(use_case: UseCase, *, now: datetime, actor: str, workspace: Workspace) -> Decision:
    """Compare the newest batch, labels, predictions and monitoring of a use case with its schedule.

    Args:
        use_case: that is watched.
        now: the machine's time, with its zone.
        actor: who asked.
        workspace: where the tables are.

    Raises:
        GateRefused: something has been missing for longer than the schedule allows.
    """
    evidence = _evidence(use_case, now, workspace)
    policy = use_case.alerts.watch
    decision = workspace.ledger.append(
        decide(
            gate=GATE,
            subject=Subject(use_case=use_case.name, as_of=evidence.today, actor=actor),
            ruling=check(evidence, policy),
            evidence=evidence,
            policy=policy,
            data_refs=[],
        )
    )
    if not decision.verdict.opens:
        raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    return decision


def _evidence(use_case: UseCase, now: datetime, workspace: Workspace) -> WatchEvidence:
    due, end = list(due_dates(use_case, now)), use_case.source.end_date
    lake, name = workspace.lake, use_case.name
    labelled = [day for day, count in lake.value_counts(name, "labels", "label").items() if count]
    newest = {
        "batches": _last(lake.partitions(name, "batches")),
        "labels": _last(labelled),
    }
    missed = {
        "batches": _after(newest["batches"], due),
        # The newest days' outcomes are not known yet.
        "labels": _after(newest["labels"], due[: max(len(due) - use_case.labels.delay_days, 0)]),
    }
    age = None
    if champions := champions_of(workspace.ledger, name):
        if newest["batches"]:
            age = (partitions.parse(newest["batches"]) - partitions.parse(champions[0].as_of)).days
        first = champions[-1].effective_from
        for kind, table in (("predictions", "predictions"), ("monitoring", "metrics")):
            newest[kind] = _last(lake.partitions(name, table))
            missed[kind] = _after(newest[kind], [day for day in due if day >= first])
    today = partitions.key_of(now.astimezone(ZoneInfo(use_case.source.timezone)).date())
    return WatchEvidence(
        today=today,
        begun=bool(workspace.ledger.find(use_case=name, gate=_INGESTION, limit=1)),
        ended=end is not None and bool(due) and due[-1] >= end.isoformat(),
        newest=newest,
        missed=missed,
        champion_age_days=age,
    )


def due_dates(use_case: UseCase, now: datetime) -> Iterator[str]:
    """Yield the newest data dates whose scheduled ingestion should have started by now, in order.

    As in the ingest DAG, the run of a tick takes the data date of the tick before.
    """
    from croniter import croniter  # type: ignore[import-untyped]  # it ships no types

    local = now.astimezone(ZoneInfo(use_case.source.timezone)).replace(tzinfo=None)
    ticks = croniter(use_case.source.schedule, local + timedelta(seconds=1))
    dates = [partitions.key_of(ticks.get_prev(datetime).date()) for _ in range(_LOOKED_AT)]
    start = use_case.source.start_date.isoformat()
    yield from (day for day in reversed(dates[1:]) if day >= start)


def _last(days: list[str]) -> str | None:
    return max(days, default=None)


def _after(newest: str | None, due: list[str]) -> int:
    return sum(newest is None or day > newest for day in due)
