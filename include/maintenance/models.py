"""Runs of MLflow that nothing refers to: trainings that were cut short, or whose data no gate has seen."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from include.use_case import UseCase
from include.workspace import Workspace

_RUN_ID = re.compile(r"\b[0-9a-f]{32}\b")


def discard_unnamed_runs(
    use_case: UseCase, *, retention_days: int, now: datetime, workspace: Workspace
) -> list[str]:
    """Mark runs as deleted that no decision names and whose model was never registered; return them.

    A refused candidate is named by its evaluation, so it stays and can be reproduced. MLflow's own `gc`
    removes the files of runs that are marked.

    Args:
        use_case: whose experiment is looked at.
        retention_days: runs younger than this, by the machine's clock, may still be under way.
        now: the machine's time, with its zone.
        workspace: where the ledger and the runs are.
    """
    old = workspace.registry.runs_before(use_case.name, now - timedelta(days=retention_days))
    if not old:
        return []
    named = workspace.registry.registered_runs(use_case.name)
    for decision in workspace.ledger.find(use_case=use_case.name):
        named.update(_RUN_ID.findall(decision.model_dump_json()))
    discarded = sorted(set(old) - named)
    for run_id in discarded:
        workspace.registry.discard_run(run_id)
    return discarded
