"""Files of an MLflow run, and runs under it."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from include.errors import NotFound

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


class RunFiles(ABC):
    """The part of the registry that keeps what belongs to a run beside its models."""

    @property
    @abstractmethod
    def client(self) -> MlflowClient: ...

    @abstractmethod
    def _outages(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def run(self, run_id: str) -> Run: ...

    def log_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Add files, by their path, to the artefacts of a run that may have ended."""
        with self._outages(), tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.client.log_artifacts(run_id, folder)

    def file(self, run_id: str, name: str) -> bytes:
        """Return one of the files of a run; `NotFound` when it has none of that name, or there is no run."""
        self.run(run_id)
        # A download from a store that does not answer fails with the same error as one of an absent file.
        inside = str(PurePosixPath(name).parent)
        with self._outages(), tempfile.TemporaryDirectory() as folder:
            listed = self.client.list_artifacts(run_id, None if inside == "." else inside)
            if name not in {file.path for file in listed}:
                raise NotFound(f"Run {run_id} has no file {name}; Airlock did not train it")
            return Path(self.client.download_artifacts(run_id, name, folder)).read_bytes()

    def log_nested_run(
        self, run_id: str, *, name: str, params: Mapping[str, Any], metrics: Mapping[str, float], status: str
    ) -> None:
        """Record an ended run, such as a trial of a search, under another run."""
        from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

        with self._outages():
            experiment = self.run(run_id).info.experiment_id
            nested = self.client.create_run(experiment, run_name=name, tags={MLFLOW_PARENT_RUN_ID: run_id})
            for key, value in params.items():
                self.client.log_param(nested.info.run_id, key, value)
            for key, value in metrics.items():
                self.client.log_metric(nested.info.run_id, key, value)
            self.client.set_terminated(nested.info.run_id, status)
