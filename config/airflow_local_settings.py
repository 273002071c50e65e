"""Airflow imports this module in each of its processes, at its very start. It makes warm workers.

LocalExecutor forks its workers, and they their tasks, from the scheduler; Celery forks them from its worker.
Those two import the heavy libraries here, once, so that no task has to. The DAG processor forks for each file
that it parses; it imports our operators, which import nothing heavy. Everybody else stays as light as Airflow
is, a scheduler whose tasks run elsewhere included.
"""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence

# Airflow would copy any other name of this module into its own settings.
__all__: list[str] = []


def _forks_tasks(arguments: Sequence[str]) -> bool:
    if list(arguments[:1]) == ["scheduler"]:
        return "LocalExecutor" in os.environ.get("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    return list(arguments[:2]) == ["celery", "worker"]


def _parses_dags(arguments: Sequence[str]) -> bool:
    return list(arguments[:1]) == ["dag-processor"]


def _modules_of_a_task() -> Iterator[str]:
    """What a task process would import to find its operator: of Airflow, of our DAGs, our operators."""
    yield "airflow.sdk.execution_time.task_runner"
    yield "airflow.sdk.definitions.retry_policy"
    yield "airflow.dag_processing.bundles.local"
    yield "airflow.dag_processing.dagbag"
    yield "prompt_coordinator"
    yield from _our_operators()


def _our_operators() -> Iterator[str]:
    # Deployments may keep our plugins elsewhere, or have none.
    if importlib.util.find_spec("airlock") is None:
        return
    for package in ("airlock", "airlock.operators"):
        if (found := importlib.util.find_spec(package)) is not None:
            names = pkgutil.iter_modules(found.submodule_search_locations, f"{package}.")
            yield from (module.name for module in names if not module.ispkg)


def _warm_up() -> None:
    from include.warmup import freeze, import_quietly, warm_up

    if warm_up():
        import_quietly(_modules_of_a_task())
        freeze()


def _modules_of_a_parser() -> Iterator[str]:
    # It also puts the folder of our plugins into the path.
    yield "airflow.dag_processing.dagbag"
    yield from _our_operators()


def _warm_up_parsing() -> None:
    from include.settings import get_settings
    from include.warmup import freeze, import_quietly

    if get_settings().warm_workers:
        import_quietly(_modules_of_a_parser())
        freeze()


if _forks_tasks(sys.argv[1:]):
    _warm_up()
elif _parses_dags(sys.argv[1:]):
    _warm_up_parsing()
