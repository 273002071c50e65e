"""Airflow imports this module in each of its processes, at its very start. It makes warm workers.

LocalExecutor forks its workers, and they their tasks, from the scheduler; Celery forks them from its worker.
Those two import the heavy libraries here, once, so that no task has to. Everybody else must stay light, a
scheduler whose tasks run elsewhere included.

The DAG processor forks a process for each DAG file, every minute. It imports our operators, which are light:
otherwise each of those processes would, for more than half of its time.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

# Airflow would copy any other name of this module into its own settings.
__all__: list[str] = []


def _forks_tasks(arguments: Sequence[str]) -> bool:
    if list(arguments[:1]) == ["scheduler"]:
        return "LocalExecutor" in os.environ.get("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    return list(arguments[:2]) == ["celery", "worker"]


def _forks_parsers(arguments: Sequence[str]) -> bool:
    return list(arguments[:1]) == ["dag-processor"]


def _modules_of_a_dag_file() -> Iterator[str]:
    """What our DAG files import."""
    yield "airflow.sdk"
    # Deployments may keep our plugins elsewhere, or have none.
    if importlib.util.find_spec("airlock") is None:
        return
    yield from ("airlock.declaration", "airlock.deadlines", "airlock.notifiers")
    yield from _modules_in("airlock.operators")


def _modules_of_a_task() -> Iterator[str]:
    """What a task process would import to find its operator: of Airflow, of our DAGs, our operators."""
    yield "airflow.sdk.execution_time.task_runner"
    yield "airflow.sdk.definitions.retry_policy"
    yield "airflow.dag_processing.bundles.local"
    yield "airflow.dag_processing.dagbag"
    yield "prompt_coordinator"
    if importlib.util.find_spec("airlock") is None:
        return
    for package in ("airlock", "airlock.operators"):
        yield from _modules_in(package)


def _modules_in(package: str) -> Iterator[str]:
    if (found := importlib.util.find_spec(package)) is not None:
        names = pkgutil.iter_modules(found.submodule_search_locations, f"{package}.")
        yield from (module.name for module in names if not module.ispkg)


def _warm_up() -> None:
    from include.warmup import freeze, import_quietly, warm_up

    if warm_up():
        import_quietly(_modules_of_a_task())
        freeze()


if _forks_tasks(sys.argv[1:]):
    _warm_up()
elif _forks_parsers(sys.argv[1:]):
    for name in _modules_of_a_dag_file():
        # Whatever is wrong with it, the file that imports it says so.
        with suppress(Exception):
            importlib.import_module(name)
