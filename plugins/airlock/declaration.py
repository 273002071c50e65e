"""What every DAG file needs to declare its DAGs: which use cases, and what all DAGs have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import Asset, ExceptionRetryPolicy, RetryAction, RetryRule, get_parsing_context

from include.errors import UseCaseError
from include.settings import get_settings
from include.use_case import load_use_case, use_case_names

if TYPE_CHECKING:
    from datetime import datetime

    from include.settings import Settings
    from include.use_case import UseCase

KEY_FORMAT = "%Y-%m-%d"
# Which task takes a slot that is free. What is under way comes to its end before new days begin: otherwise
# the ingestion of a backfill runs ahead, and its monitoring, whose days go in order, is left to one worker at
# the end. Pages, which go in no order, fill what is left. What a person asks for does not wait behind a
# backfill.
PRIORITIES = {
    "report": 1,
    "ingest": 2,
    "rebuild_features": 2,
    "features": 3,
    "score": 4,
    "monitor": 5,
    "train": 6,
    "quarantine": 10,
    "rollback": 10,
}
# Of a stage whose days rest on nothing that the days before it do.
SIDE_BY_SIDE = {"max_active_runs": 4}
MAINTENANCE_DAG_ID = "airlock.maintenance"

# A store that is away raises `Outage`, also where a proxy says 404: tests/include/test_behind_a_proxy.py.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[
                "include.errors.GateRefused",
                "include.errors.ConfigurationError",
                "include.errors.NotFound",
                "include.errors.ArtefactCorrupted",
                "include.errors.LedgerCorrupted",
            ],
            action=RetryAction.FAIL,
            reason="a second try would find the same",
        ),
        RetryRule(
            exception="include.errors.Outage",
            action=RetryAction.RETRY,
            retry_delay=timedelta(seconds=30),
            reason="a server or store did not answer",
        ),
    ]
)


def declared(stage: str) -> Iterator[UseCase]:
    """Yield the use cases whose DAG of a stage is to be declared in this parse.

    A task start asks for one DAG, and then only its own use case is read. A broken declaration is passed
    over here, so that it never hides the others; `dags/declarations.py` turns it into an import error.
    """
    settings = get_settings()
    wanted = get_parsing_context().dag_id
    if wanted is None:
        yield from _sound(use_case_names(settings), settings)
        return
    name, _, suffix = wanted.rpartition(".")
    if suffix == stage:
        yield from _sound([name], settings)


def declared_for_maintenance() -> Iterator[UseCase]:
    """Yield all use cases for the one DAG that serves them all, unless another DAG is asked for."""
    settings = get_settings()
    if get_parsing_context().dag_id in {None, MAINTENANCE_DAG_ID}:
        yield from _sound(use_case_names(settings), settings)


def _sound(names: list[str], settings: Settings) -> Iterator[UseCase]:
    for name in names:
        with suppress(UseCaseError):
            yield load_use_case(name, settings)


def check_declarations() -> None:
    """Raise one error that names every broken use case.

    Raises:
        UseCaseError: at least one declaration is wrong.
    """
    if get_parsing_context().dag_id is not None:
        return
    settings = get_settings()
    problems: list[str] = []
    for name in use_case_names(settings):
        try:
            load_use_case(name, settings)
        except UseCaseError as error:
            problems.append(str(error))
    if problems:
        raise UseCaseError("\n".join(problems))


def asset(use_case: UseCase, name: str) -> Asset:
    """Return the asset that one stage publishes and the next waits for."""
    return Asset(name=f"{use_case.name}.{name}", uri=f"airlock://{use_case.name}/{name}")


def common(use_case: UseCase, stage: str, doc: str | None) -> dict[str, Any]:
    """Return the arguments that all DAGs of a use case share.

    Partitions are worked on one at a time and in order: the checks of a day rest on the days before it.
    """
    return {
        "dag_id": f"{use_case.name}.{stage}",
        "dag_display_name": f"{use_case.name} · {stage}",
        "description": f"{use_case.title}: {stage}",
        "doc_md": doc,
        "tags": ["airlock", stage, use_case.name],
        "start_date": _midnight(use_case, use_case.source.start_date),
        "end_date": _end(use_case),
        "catchup": False,
        "max_active_runs": 1,
        "default_args": {
            "owner": use_case.owner,
            "priority_weight": PRIORITIES[stage],
            "weight_rule": "absolute",
            "retries": 3,
            "retry_delay": timedelta(seconds=30),
            "retry_policy": RETRY_POLICY,
            "execution_timeout": timedelta(hours=2),
            **_placement(stage, get_settings()),
        },
    }


def _placement(stage: str, settings: Settings) -> dict[str, Any]:
    """Return where the tasks of a stage run, if an installation tells them apart: training is not scoring."""
    placed: dict[str, Any] = {}
    if stage == "train":
        placed["queue"] = settings.training_queue
    if settings.pod_templates_dir:
        template = f"{settings.pod_templates_dir.rstrip('/')}/{stage}.yaml"
        placed["executor_config"] = {"pod_template_file": template}
    return placed


def _midnight(use_case: UseCase, day: Any) -> datetime:
    return pendulum.datetime(day.year, day.month, day.day, tz=use_case.source.timezone)


def _end(use_case: UseCase) -> datetime | None:
    """Return when the run of the last data date starts: the day after it."""
    last = use_case.source.end_date
    return _midnight(use_case, last).add(days=1) if last is not None else None  # type: ignore[attr-defined]
