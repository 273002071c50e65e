"""A registry in memory: what a simulation of fifty trainings would otherwise spend most of its time on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from include.errors import ConfigurationError, NotFound
from include.hashing import digest, digest_bytes
from include.model_versions import MODEL_HASH, LoggedModel
from include.registry import TRAINING_KEY, Registry
from include.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.models import ModelSignature


@dataclass
class _Info:
    run_id: str


@dataclass
class _Data:
    tags: dict[str, str]
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass
class _Run:
    """What the stages read of an MLflow run."""

    info: _Info
    data: _Data
    finished: bool = False


class SimulatedRegistry(Registry):
    """Answers as the registry does, from memory. Extra files of a model lie in the simulation's home."""

    saves_models = False

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._files = settings.home / "models"
        self._runs: dict[str, _Run] = {}
        self._open: list[str] = []
        self._run_files: dict[str, dict[str, bytes]] = {}
        self._models: dict[str, Any] = {}
        self._versions: list[tuple[LoggedModel, str, dict[str, str]]] = []
        self._aliases: dict[str, str] = {}

    @property
    def client(self) -> MlflowClient:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ConfigurationError("A simulation keeps its models in memory and asks no MLflow")

    def experiment_id(self, use_case: str) -> str:
        return use_case

    def finished_run(self, use_case: str, training_key: str) -> str | None:
        return next(
            (
                run_id
                for run_id, run in self._runs.items()
                if run.finished and run.data.tags.get(TRAINING_KEY) == training_key
            ),
            None,
        )

    def run(self, run_id: str) -> Run:
        if run_id not in self._runs:
            raise NotFound(f"The simulation has no run {run_id}")
        return cast("Run", self._runs[run_id])

    @contextmanager
    def recorded_run(self, use_case: str, *, name: str, tags: Mapping[str, str]) -> Iterator[str]:
        run_id = digest([name, len(self._runs)])[:32]
        self._runs[run_id] = _Run(_Info(run_id), _Data(dict(tags)))
        self._open.append(run_id)
        try:
            yield run_id
            self._runs[run_id].finished = True
        finally:
            self._open.pop()

    def log(self, *, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        data = self._runs[self._open[-1]].data
        data.params.update({name: str(value) for name, value in params.items()})
        data.metrics.update(metrics)

    def log_to_run(self, run_id: str, *, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        data = self._runs[run_id].data
        data.metrics.update(metrics)
        data.tags.update(tags)

    def log_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        self._run_files.setdefault(run_id, {}).update(files)

    def file(self, run_id: str, name: str) -> bytes:
        if name not in self._run_files.get(run_id, {}):
            raise NotFound(f"Run {run_id} of the simulation has no file {name}")
        return self._run_files[run_id][name]

    def log_nested_run(
        self, run_id: str, *, name: str, params: Mapping[str, Any], metrics: Mapping[str, float], status: str
    ) -> None:
        """Nothing in a simulation reads the trials of a search."""

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
        uri = f"simulation:/{self._open[-1]}/{name}"
        files = {file: digest_bytes(content) for file, content in extra_files.items()}
        logged = LoggedModel(uri=uri, sha256=digest([uri, files]))
        folder = self._files / logged.sha256
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in extra_files.items():
            (folder / file).write_bytes(content)
        self._models[logged.sha256] = model
        return logged

    def model_folder(self, model: LoggedModel) -> Path:
        return self._files / model.sha256

    def load(self, model: LoggedModel) -> Any:
        if model.sha256 not in self._models:
            raise NotFound(f"The simulation has no model {model.uri}")
        return self._models[model.sha256]

    def register(self, use_case: str, *, model: LoggedModel, run_id: str, tags: Mapping[str, str]) -> str:
        for number, (_, known, _tags) in enumerate(self._versions, start=1):
            if known == run_id:
                return str(number)
        self._versions.append((model, run_id, {**tags, MODEL_HASH: model.sha256}))
        return str(len(self._versions))

    def describe(self, use_case: str, version: str, text: str) -> None:
        """Nothing in a simulation reads the texts of versions."""

    def set_alias(self, use_case: str, alias: str, version: str) -> None:
        self._aliases[alias] = version

    def delete_alias(self, use_case: str, alias: str) -> None:
        self._aliases.pop(alias, None)

    def alias_version(self, use_case: str, alias: str) -> str | None:
        return self._aliases.get(alias)

    def version_model(self, use_case: str, version: str) -> LoggedModel:
        return self._versions[int(version) - 1][0]
