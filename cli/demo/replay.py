"""Drives a running Airflow through weeks of data, the way a person would: backfill, wait, train."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cli.airflow_answers import DagRun
from cli.airflow_api import AirflowApi
from cli.demo.calendar import Week
from include import partitions
from include.champions import champion_at
from include.errors import Outage
from include.use_case import UseCase
from include.workspace import Workspace

STAGES = ("ingest", "features", "score", "monitor", "report")
_REPORT = "report"
_POLL_SECONDS = 1.0
_WEEK_SECONDS = 1800
# Clocks of two machines differ, and a change is visible a moment after its time.
_OVERLAP = timedelta(seconds=30)


def stages_of(use_case: UseCase) -> list[str]:
    """Return the stages that a partition of a use case goes through by itself, in order."""
    return [stage for stage in STAGES if stage != _REPORT or use_case.monitoring.report]


@dataclass(frozen=True)
class Progress:
    """How far a week has come: partitions through each stage, and what is being waited for."""

    week: Week
    finished: dict[str, int]
    waiting_for: str


class Replay:
    """Replays weeks of one use case, in order.

    Args:
        report: called whenever something may have changed.
    """

    def __init__(
        self, api: AirflowApi, use_case: UseCase, workspace: Workspace, report: Callable[[Progress], None]
    ) -> None:
        self._api = api
        self._use_case = use_case
        self._stages = stages_of(use_case)
        self._workspace = workspace
        self._report = report

    def week(self, week: Week) -> None:
        """Ingest the days of a week, let the stages follow, and train as of the day after.

        Raises:
            Outage: the week was not through within half an hour.
        """
        self.days(week)
        self._train(week)

    def days(self, week: Week) -> None:
        """Ingest the days of a week and wait until every stage is through with them."""
        ingest = f"{self._use_case.name}.ingest"
        first, last = partitions.parse(week.days[0]), partitions.parse(week.days[-1])
        backfill = self._api.create_backfill(ingest, first, last)
        deadline = time.monotonic() + _WEEK_SECONDS
        runs = _Runs(self._api, self._use_case.name, self._stages, week.days)
        while waiting_for := self._pending(week, runs):
            if time.monotonic() > deadline:
                raise Outage(
                    f"The week up to {week.days[-1]} still waits for {waiting_for}; look at it in Airflow"
                )
            time.sleep(_POLL_SECONDS)
        self._api.wait_for_backfill(backfill)

    def _pending(self, week: Week, known: _Runs) -> str:
        """Return what the week still waits for, and report how far it is; empty when it is through."""
        runs = known.now()
        done = {stage: {day for day, run in found.items() if run.finished} for stage, found in runs.items()}
        pending = ""
        expected = set(week.days)
        for stage in self._stages:
            missing = sorted(expected - done[stage])
            if missing and not pending:
                pending = f"{stage} of {missing[0]}"
            expected = {day for day in done[stage] if runs[stage][day].state == "success"}
            if stage == "score":
                expected = {day for day in expected if self._scored(day)}
        if not pending and self._api.runs(f"{self._use_case.name}.train", states=("queued", "running")):
            pending = "a training that monitoring ordered"
        self._report(Progress(week, {stage: len(days) for stage, days in done.items()}, pending))
        return pending

    def _scored(self, day: str) -> bool:
        """Tell whether scoring had something to do: without a champion its task was skipped."""
        return champion_at(self._workspace.ledger, self._use_case.name, day) is not None

    def _train(self, week: Week) -> None:
        train = f"{self._use_case.name}.train"
        done = dict.fromkeys(self._stages, len(week.days))
        self._report(Progress(week, done, f"the training as of {week.as_of}"))
        run = self._api.trigger(train, conf={"as_of": week.as_of, "reason": "weekly replay"})
        self._api.wait_for_run(train, run.run_id, timeout=_WEEK_SECONDS)


class _Runs:
    """The newest run of each of some days, by stage.

    A server with months of history is asked for them once, and from then on for what has changed.
    """

    def __init__(
        self, api: AirflowApi, use_case: str, stages: Collection[str], days: Collection[str]
    ) -> None:
        self._api = api
        self._use_case = use_case
        self._days = days
        # Runs keep the place in which they were first seen: the newest stays last, whichever changes.
        self._found: dict[str, dict[str, dict[str, DagRun]]] = {stage: {} for stage in stages}
        self._asked: datetime | None = None

    def now(self) -> dict[str, dict[str, DagRun]]:
        """Ask, and return stage -> day -> run."""
        since = self._asked and self._asked - _OVERLAP
        self._asked = datetime.now(UTC)
        for stage, found in self._found.items():
            for run in self._api.runs(f"{self._use_case}.{stage}", changed_since=since):
                if (day := run.partition_key) and day in self._days:
                    found.setdefault(day, {})[run.run_id] = run
        return {
            stage: {day: list(runs.values())[-1] for day, runs in found.items()}
            for stage, found in self._found.items()
        }
