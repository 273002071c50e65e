"""The stages of a use case as works that a process can do and can be killed in, and what comes before each.

Every work is what a task of Airflow does, with the same arguments each time, so that doing it again is what
a retry does.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from threadpoolctl import threadpool_limits

from cli.landing import land_flights
from include import partitions
from include.workspace import Workspace
from tests.cli.lifecycle_fixture import FIRST, Installation, set_aside

USE_CASE = "flights"
DAY = "2013-01-08"
AS_OF = "2013-01-09"
ASIDE = "2013-01-03"
CHAMPION_BEFORE = "1"


def do(home: str, use_cases: str, stage: str) -> None:
    """Do the work of a stage on an installation; what a killed process runs."""
    work(Installation(Path(home), Path(use_cases)).workspace, stage)


def work(workspace: Workspace, stage: str) -> None:
    """Do the work of a stage, wherever the stores are."""
    # One thread, as Airlock starts every process: sums of several differ in their last bits.
    with threadpool_limits(1), warnings.catch_warnings():
        # What heavy libraries warn of while they are imported is theirs to mend.
        warnings.simplefilter("ignore")
        WORKS[stage](workspace)


def prepare(stage: str, live: Installation) -> None:
    """Bring about what the stage meets beside the work of the stages before it."""
    if stage == "ingest":
        land_flights(live.workspace.settings.landing, DAY, DAY)
    if stage == "release":
        set_aside(live, ASIDE, [3, 5, 8])


def _ingest(workspace: Workspace) -> None:
    from include.ingestion.stage import ingest

    ingest(workspace.use_case(USE_CASE), DAY, actor="schedule", workspace=workspace)


def _features(workspace: Workspace) -> None:
    from include.features.stage import build

    build(workspace.use_case(USE_CASE), DAY, actor="schedule", workspace=workspace)


def _score(workspace: Workspace) -> None:
    from include.scoring.stage import score

    score(workspace.use_case(USE_CASE), DAY, workspace=workspace)


def _monitor(workspace: Workspace) -> None:
    from include.monitoring.stage import monitor

    monitor(workspace.use_case(USE_CASE), DAY, actor="schedule", workspace=workspace)


def _report(workspace: Workspace) -> None:
    from include.monitoring.reporting import publish_report

    # Pages take a second each, so the installation declares none.
    use_case = workspace.use_case(USE_CASE)
    wanted = use_case.monitoring.model_copy(update={"report": True})
    publish_report(use_case.model_copy(update={"monitoring": wanted}), DAY, workspace=workspace)


def _train(workspace: Workspace) -> str:
    from include.training.stage import train

    use_case = workspace.use_case(USE_CASE)
    return train(use_case, AS_OF, reason="chaos", actor="ada", workspace=workspace).run_id


def _evaluate(workspace: Workspace) -> None:
    from include.evaluation.stage import evaluate

    # A training that has ended is not repeated; its run is found.
    run_id = _train(workspace)
    evaluate(workspace.use_case(USE_CASE), run_id, AS_OF, actor="ada", workspace=workspace)


def _promote(workspace: Workspace) -> None:
    from include.evaluation.stage import evaluate
    from include.promotion.stage import promote

    use_case, run_id = workspace.use_case(USE_CASE), _train(workspace)
    candidate = evaluate(use_case, run_id, AS_OF, actor="ada", workspace=workspace)
    promote(
        use_case,
        version=candidate.version,
        run_id=run_id,
        as_of=AS_OF,
        evaluation_id=candidate.decision_id,
        actor="ada",
        workspace=workspace,
    )


def _roll_back(workspace: Workspace) -> None:
    from include.promotion.rollback import roll_back

    roll_back(
        workspace.use_case(USE_CASE),
        to=CHAMPION_BEFORE,
        reason="it was better",
        actor="otto",
        request="chaos",
        workspace=workspace,
    )


def _release(workspace: Workspace) -> None:
    from include.ingestion.release import Choice, release

    choice = Choice(partition=ASIDE)
    release(
        workspace.use_case(USE_CASE), choice, exception="known to be right", actor="otto", workspace=workspace
    )


def _rebuild(workspace: Workspace) -> None:
    from include.features.rebuilding import rebuild

    days = partitions.span(FIRST, DAY)
    rebuild(workspace.use_case(USE_CASE), days, actor="otto", workspace=workspace)


def _maintain(workspace: Workspace) -> None:
    from include.maintenance.stage import maintain_tables, reconcile_alias

    use_case = workspace.use_case(USE_CASE)
    maintain_tables(use_case, retention_days=0, workspace=workspace)
    reconcile_alias(use_case, actor="schedule", workspace=workspace)


# In the order in which they follow each other.
WORKS: dict[str, Callable[[Workspace], object]] = {
    "ingest": _ingest,
    "features": _features,
    "score": _score,
    "monitor": _monitor,
    "report": _report,
    "train": _train,
    "evaluate": _evaluate,
    "promote": _promote,
    "roll back": _roll_back,
    "release": _release,
    "rebuild": _rebuild,
    "maintain": _maintain,
}
SETTLED = frozenset({"release", "rebuild", "maintain"})  # rows were released: their hashes cover drawn names
