"""One policy, day by day: scoring, monitoring and training in the order in which the DAGs run them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from include import partitions
from include.alerts.stage import judge_alerts
from include.errors import GateRefused, GateUndecided, NothingToDo
from include.ledger import Ledger
from include.registry import Registry
from include.settings import Settings
from include.simulation.candidate import evaluate_and_promote
from include.simulation.history import ACTOR, History
from include.simulation.policy import Policy
from include.simulation.registry import SimulatedRegistry
from include.simulation.tables import SimulatedLake
from include.use_case import UseCase
from include.workspace import Workspace


class _QuickLedger(Ledger):
    """A ledger that does not wait for the disk: a simulation cut short is run again."""

    @cached_property
    def _engine(self) -> sa.Engine:
        engine = super()._engine
        sa.event.listen(engine, "connect", _without_waiting)
        return engine


def _without_waiting(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


class SimulatedWorkspace(Workspace):
    """The stores of one policy: a ledger of its own, models and predictions in memory, the data shared."""

    def __init__(self, home: Path, history: History, settings: Settings) -> None:
        stores = {"home": home, "lake_url": "", "ledger_url": SecretStr("")}
        super().__init__(settings.model_copy(update=stores))
        self._history = history

    @cached_property
    def lake(self) -> SimulatedLake:
        return SimulatedLake(self._history.tables)

    @cached_property
    def ledger(self) -> Ledger:
        return _QuickLedger(self.settings.ledger)

    @cached_property
    def registry(self) -> Registry:
        return SimulatedRegistry(self.settings)


@dataclass
class Replay:
    """The lifecycle of one policy.

    Attributes:
        trainings: as-ofs that a model was trained for, with who asked: the schedule or monitoring.
    """

    policy: Policy
    history: History
    workspace: SimulatedWorkspace
    trainings: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _scheduled(self) -> set[str]:
        return set(scheduled_dates(self.policy.use_case, self.history.days[0], self.history.days[-1]))

    def run(self) -> Iterator[str]:
        """Replay all days; yield each when it is through."""
        for day in self.history.days:
            self.workspace.lake.today = day
            for decision in self.history.decisions_of(day):
                self.workspace.ledger.append(decision.model_copy(update={"id": ""}))
            self._tell(day, "ingestion", "features")
            if day in self.history.built:
                self._watch(day)
            as_of = partitions.shift(day, 1)
            if as_of in self._scheduled:
                self._train(as_of, reason="schedule", order=None)
            yield day

    def _watch(self, day: str) -> None:
        """Score and monitor a day, and follow the order that monitoring may give."""
        from include.monitoring.hindsight import score_past_decisions
        from include.monitoring.stage import monitor
        from include.scoring.stage import score

        use_case = self.policy.use_case
        with suppress(NothingToDo):
            score(use_case, day, workspace=self.workspace)
            health = monitor(use_case, day, actor=ACTOR, workspace=self.workspace)
            score_past_decisions(use_case, day, actor=ACTOR, workspace=self.workspace)
            self._tell(day, "drift", "performance", "quality", "concept")
            if health.train_as_of is not None:
                self._train(health.train_as_of, reason="monitoring", order=health.retraining_id)

    def _tell(self, day: str, *gates: str) -> None:
        """Record what people would be told; nothing is sent."""
        judge_alerts(self.policy.use_case, day, gates=gates, actor=ACTOR, workspace=self.workspace)

    def _train(self, as_of: str, *, reason: str, order: str | None) -> None:
        from include.monitoring.ordering import admit_training, ordered_by
        from include.training.stage import train

        use_case, workspace = self.policy.use_case, self.workspace
        with suppress(GateRefused, GateUndecided, NothingToDo):
            if order is not None:
                ordered_by(order, use_case, as_of, workspace.ledger)
            else:
                admit_training(
                    use_case, as_of, asked_by="schedule", request=reason, actor=ACTOR, workspace=workspace
                )
            run = train(use_case, as_of, reason=reason, actor=ACTOR, workspace=workspace)
            self.trainings.setdefault(as_of, reason)
            evaluate_and_promote(use_case, run.run_id, as_of, actor=ACTOR, workspace=workspace)


def scheduled_dates(use_case: UseCase, first: str, last: str) -> Iterator[str]:
    """Yield the as-ofs of the scheduled trainings after the first day, up to the day after the last.

    The partition of a scheduled training is the local date of its tick, as `CronPartitionTimetable` has it.
    """
    from croniter import croniter  # type: ignore[import-untyped]  # it ships no types

    ticks = croniter(use_case.training.schedule, datetime.combine(partitions.parse(first), time.max))
    while (date := partitions.key_of(ticks.get_next(datetime).date())) <= partitions.shift(last, 1):
        yield date
