"""MLflow as Airlock uses it: one experiment and one registered model per use case, aliases and no stages.

MLflow keeps the models; which of them was in use when is answered by the ledger (`include.champions`).
Models are stored without pickle (skops), their files are hashed and signed: a changed byte refuses to load.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from include.artefacts import STORED_AS, TRUSTED_TYPES, Seal, check_digest, check_format, model_digest
from include.disks import room
from include.errors import NotFound
from include.mlflow_outages import mlflow_outages, without_login
from include.model_versions import LoggedModel, ModelVersions
from include.run_files import RunFiles
from include.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.models import ModelSignature

CHAMPION = "champion"
CHALLENGER = "challenger"
CANDIDATE = "candidate"
TRAINING_KEY = "airlock.training_key"
MODEL_TAG = "airlock.model"
BASELINE_TAG = "airlock.baseline"
DECISION_TAG = "airlock.training_decision"
TABLES_TAG = "airlock.table_versions"
AS_OF_TAG = "airlock.as_of"
HOLDOUT_TAG = "airlock.holdout_partitions"
FEATURES_TAG = "airlock.feature_set_version"
REFERENCE_FILE = "reference.parquet"
GOLDEN_FILE = "golden.parquet"
RECIPE_FILE = "recipe.json"
PROFILE_FILE = "reference_profile.json"
IMPORTANCE_FILE = "importance.json"


class Registry(RunFiles, ModelVersions):
    """Runs, models, versions and aliases, in the MLflow server or database that the settings name.

    Attributes:
        saves_models: whether a model is written anywhere; a simulation keeps it in memory.
    """

    saves_models = True

    def __init__(self, settings: Settings) -> None:
        self._home, self._uri = settings.home.resolve(), without_login(settings.mlflow)
        self._is_local = self._uri.startswith("sqlite:///")
        self._seal = Seal(settings)
        # MLflow would retry an absent server for minutes; the task's own retries are a better place to wait.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

    @cached_property
    def client(self) -> MlflowClient:
        import mlflow

        if self._is_local:
            Path(self._uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        with self._outages():
            return mlflow.MlflowClient(self._uri)

    @property
    def _mlflow(self) -> ModuleType:
        """MLflow's module-level functions, led here: a process has one address for all of them."""
        import mlflow

        mlflow.set_tracking_uri(self._uri)
        return mlflow

    def _outages(self) -> AbstractContextManager[None]:
        return mlflow_outages(self._uri)

    def _find(self, look: Callable[..., Any], *arguments: str) -> Any | None:
        """Return what the client finds, or None where MLflow says that there is no such thing."""
        from mlflow.exceptions import MlflowException

        with self._outages():
            try:
                return look(*arguments)
            except MlflowException as error:
                if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                    return None
                raise

    def experiment_id(self, use_case: str) -> str:
        """Return the experiment of a use case, made when it is new."""
        from mlflow.exceptions import MlflowException

        with self._outages():
            if found := self.client.get_experiment_by_name(use_case):
                return str(found.experiment_id)
            folder = self._home / "mlflow" / "artifacts" / use_case
            location = folder.as_uri() if self._is_local else None
            try:
                return str(self.client.create_experiment(use_case, artifact_location=location))
            except MlflowException:
                if found := self.client.get_experiment_by_name(use_case):
                    return str(found.experiment_id)  # another task made it at the same moment
                raise

    def runs_before(self, use_case: str, moment: datetime) -> list[str]:
        """Return the runs of a use case that were started before a moment of the machine's clock."""
        with self._outages():
            found = self.client.search_runs(
                [self.experiment_id(use_case)],
                filter_string=f"attributes.start_time < {round(moment.timestamp() * 1000)}",
                max_results=1000,
            )
        return [str(run.info.run_id) for run in found]

    def registered_runs(self, use_case: str) -> set[str]:
        """Return the runs whose models are registered, in whatever version."""
        with self._outages():
            return {str(found.run_id) for found in self.client.search_model_versions(f"name = '{use_case}'")}

    def discard_run(self, run_id: str) -> None:
        """Mark a run as deleted; MLflow's `gc` removes its files later, and until then it can be restored."""
        with self._outages():
            self.client.delete_run(run_id)

    def finished_run(self, use_case: str, training_key: str) -> str | None:
        """Return the run that was the first to be trained to its end from exactly these inputs, if any."""
        with self._outages():
            runs = self.client.search_runs(
                [self.experiment_id(use_case)],
                filter_string=f"tags.`{TRAINING_KEY}` = '{training_key}' and attributes.status = 'FINISHED'",
                order_by=["attributes.end_time ASC", "attributes.run_id ASC"],
                max_results=1,
            )
        return str(runs[0].info.run_id) if runs else None

    def run(self, run_id: str) -> Run:
        """Return a run with its parameters, metrics and tags."""
        found: Run | None = self._find(self.client.get_run, run_id)
        if found is None:
            raise NotFound(f"MLflow has no run {run_id}; see the ledger")
        return found

    @contextmanager
    def recorded_run(self, use_case: str, *, name: str, tags: Mapping[str, str]) -> Iterator[str]:
        """Open a run and yield its id; it ends FINISHED, or FAILED when the block raises."""
        with self._outages():
            experiment = self.experiment_id(use_case)
            with self._mlflow.start_run(experiment_id=experiment, run_name=name, tags=dict(tags)) as run:
                yield run.info.run_id

    def log(self, *, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Log to the open run."""
        with self._outages():
            self._mlflow.log_params(dict(params))
            self._mlflow.log_metrics(dict(metrics))

    def log_to_run(self, run_id: str, *, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Add metrics and tags to a run that may have ended; writing them again changes nothing."""
        from mlflow.entities import Metric, RunTag

        now = int(time.time() * 1000)
        with self._outages():
            self.client.log_batch(
                run_id,
                metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
                tags=[RunTag(name, text) for name, text in tags.items()],
            )

    def tagged_model(self, run_id: str, tag: str) -> LoggedModel:
        """Return the model of a run that a tag names."""
        return LoggedModel.model_validate_json(self.run(run_id).data.tags[tag])

    def log_model(
        self,
        model: Any,
        *,
        name: str,
        signature: ModelSignature,
        input_example: pd.DataFrame | None,
        requirements: list[str],
        extra_files: Mapping[str, bytes],
        predict_method: str = "predict_proba",
        trusted_types: Sequence[str] = (),
    ) -> LoggedModel:
        """Store a fitted scikit-learn model in the open run and sign it.

        `extra_files` (by name) are hashed and signed with it; `trusted_types` may be made when it is loaded.
        """
        with self._outages(), tempfile.TemporaryDirectory() as folder:
            for file_name, content in extra_files.items():
                Path(folder, file_name).write_bytes(content)
            logged = self._mlflow.sklearn.log_model(
                model,
                name=name,
                signature=signature,
                input_example=input_example,
                # Without it MLflow starts a process to find out, which takes many seconds.
                pip_requirements=requirements,
                serialization_format=STORED_AS,
                skops_trusted_types=[*TRUSTED_TYPES, *trusted_types],
                pyfunc_predict_fn=predict_method,
                extra_files=[str(path) for path in sorted(Path(folder).iterdir())] or None,
            )
            stored = self._download(logged.model_uri, Path(folder, "stored"))
            self.client.log_model_artifact(logged.model_id, str(self._seal.sign(stored)))
            return LoggedModel(uri=logged.model_uri, sha256=model_digest(stored))

    def _download(self, uri: str, target: Path) -> Path:
        target.mkdir(parents=True, exist_ok=True)
        with self._outages():
            return Path(self._mlflow.artifacts.download_artifacts(uri, dst_path=str(target)))

    def model_folder(self, model: LoggedModel) -> Path:
        """Return a local copy of a model's files, checked against its recorded hash and its signature.

        Raises:
            ArtefactCorrupted: the files differ from what was trained, the signature does not hold, or loading
                them could run code.
        """
        cache = self._home / "cache" / "models" / model.sha256
        if not cache.is_dir():
            with room(cache), ExitStack() as stack:
                cache.parent.mkdir(parents=True, exist_ok=True)
                staged = stack.enter_context(tempfile.TemporaryDirectory(dir=cache.parent))
                downloaded = self._download(model.uri, Path(staged, "model"))
                check_digest(downloaded, uri=model.uri, recorded=model.sha256)
                try:
                    downloaded.rename(cache)
                except OSError:
                    # Another task was faster; its copy is the same.
                    if not cache.is_dir():
                        raise
        check_digest(cache, uri=model.uri, recorded=model.sha256)
        self._seal.verify(cache, model.uri)
        check_format(cache, uri=model.uri)
        return cache

    def load(self, model: LoggedModel) -> Any:
        """Load a model from its checked files."""
        return self._mlflow.sklearn.load_model(str(self.model_folder(model)))
