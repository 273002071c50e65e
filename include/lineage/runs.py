"""Training runs as MLflow recorded them, with one plain sentence when it does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include import partitions
from include.errors import Outage
from include.lineage.facts import Fact
from include.registry import AS_OF_TAG, DECISION_TAG, HOLDOUT_TAG
from include.settings import Settings
from include.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.entities import Run as MlflowRun

_SQLITE = "sqlite:///"


class Run(Fact):
    """One training run. The windows are first and last data date; a run of another tool has none."""

    run_id: str
    status: str
    as_of: str
    reason: str
    training_set: str
    train: str
    holdout: str
    missing: list[str]
    seed: str
    code_version: str
    decision_id: str
    metrics: dict[str, float]

    def role_of(self, partition: str) -> str | None:
        """Return `train` or `holdout` when the run used this partition."""
        if partition in self.missing:
            return None
        windows = {"train": self.train, "holdout": self.holdout}
        return next((role for role, window in windows.items() if _within(partition, window)), None)


def _within(partition: str, window: str) -> bool:
    first, _, last = window.partition("..")
    return bool(last) and partition in partitions.span(first, last)


def mlflow_silence(settings: Settings) -> str | None:
    """Return why MLflow cannot be asked at all, or None. Asking would create the missing database."""
    path = settings.mlflow.removeprefix(_SQLITE)
    if settings.mlflow.startswith(_SQLITE) and not Path(path).is_file():
        return f"there is no MLflow database {path} yet"
    return None


@contextmanager
def mlflow_answers(settings: Settings) -> Iterator[None]:
    """Turn everything that goes wrong when MLflow is asked into an Outage; Airlock's own errors pass."""
    if silence := mlflow_silence(settings):
        raise Outage(silence)
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, requests.RequestException, ConnectionError, sa.exc.SQLAlchemyError) as error:
        told = next(iter(str(error).splitlines()), type(error).__name__)
        raise Outage(f"MLflow does not answer: {told}; start it and ask again") from error


def read_run(workspace: Workspace, run_id: str) -> Run:
    """Return one run.

    Raises:
        NotFound: MLflow has no such run.
        Outage: MLflow does not answer.
    """
    with mlflow_answers(workspace.settings):
        return _run(workspace.registry.run(run_id))


def find_runs(workspace: Workspace, use_case: str) -> list[Run]:
    """Return all finished training runs of a use case, newest first.

    Raises:
        Outage: MLflow does not answer.
    """
    runs: list[Run] = []
    token: str | None = None
    with mlflow_answers(workspace.settings):
        client = workspace.registry.client
        experiment = client.get_experiment_by_name(use_case)
        while experiment is not None:
            page = client.search_runs(
                [experiment.experiment_id], "attributes.status = 'FINISHED'", page_token=token
            )
            runs += [_run(run) for run in page]
            token = page.token
            if not token:
                break
    return runs


def _run(run: MlflowRun) -> Run:
    def tag(name: str) -> str:
        return str(run.data.tags.get(name, ""))

    return Run(
        run_id=run.info.run_id,
        status=run.info.status,
        as_of=tag(AS_OF_TAG),
        reason=tag("airlock.reason"),
        training_set=tag("airlock.training_set"),
        train=tag("airlock.train_partitions"),
        holdout=tag(HOLDOUT_TAG),
        missing=tag("airlock.missing_partitions").split(),
        seed=tag("airlock.seed"),
        code_version=tag("airlock.code_version"),
        decision_id=tag(DECISION_TAG),
        metrics=dict(run.data.metrics),
    )
