"""What is told of a task while it runs: fields on each line of its log, a line and a metric a decision.

Airflow writes the logs of tasks as JSON, one object a line, and adds whatever is bound here to all of them.
With `AIRFLOW__LOGGING__JSON_LOGS=true` its other logs are JSON as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from airlock.metrics import emit_decision, emit_stage, listening
from include.errors import GateRefused, GateUndecided, NothingToDo

if TYPE_CHECKING:
    from include.decisions import Decision
    from include.workspace import Workspace

_LOGGER = structlog.get_logger("airlock.decisions")


@contextmanager
def observed(stage: str, use_case: str, partition: str | None, workspace: Workspace) -> Iterator[None]:
    """Tell of a step: who works on what, what was decided, how it ended and how long it took.

    Args:
        stage: name of the step, as in `docs/metrics.md`.
        use_case: whose step it is.
        partition: the data date, or None for a step that is about many.
        workspace: whose ledger is listened to.
    """
    began, outcome = time.monotonic(), "failed"
    with structlog.contextvars.bound_contextvars(use_case=use_case, partition=partition, stage=stage):
        workspace.ledger.on_record = recorded
        try:
            yield
            outcome = "done"
        except (NothingToDo, GateUndecided):
            outcome = "skipped"
            raise
        except GateRefused:
            outcome = "refused"
            raise
        except BaseException as error:
            # A task that gives its slot back while it waits has not ended.
            outcome = "" if type(error).__name__ == "TaskDeferred" else outcome
            raise
        finally:
            workspace.ledger.on_record = None
            if outcome and listening():
                emit_stage(use_case, stage, outcome, time.monotonic() - began)


def recorded(decision: Decision) -> None:
    """Tell of a decision that was recorded just now."""
    _LOGGER.info(
        f"The {decision.gate} gate decided: {decision.verdict.value}",
        gate=decision.gate,
        verdict=decision.verdict.value,
        decision_id=decision.id,
        use_case=decision.use_case,
        partition=decision.partition,
        as_of=decision.as_of,
        reasons=decision.reasons[:3],
    )
    if listening():
        emit_decision(decision)
