"""Registered versions of models, and the aliases that point at them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from include.errors import NotFound

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODEL_HASH = "airlock.model_sha256"


class LoggedModel(BaseModel):
    """A model of a run, by the address that MLflow gave it and the hash of its files."""

    model_config = ConfigDict(frozen=True)

    uri: str
    sha256: str


class ModelVersions(ABC):
    """The part of the registry that keeps versions and aliases."""

    _uri: str

    @property
    @abstractmethod
    def client(self) -> MlflowClient: ...

    @abstractmethod
    def _outages(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _find(self, look: Callable[..., Any], *arguments: str) -> Any | None: ...

    def register(self, use_case: str, *, model: LoggedModel, run_id: str, tags: Mapping[str, str]) -> str:
        """Register a model and return its version; the same run is registered once.

        The version appears with all its tags in one call, so no half-registered version can remain.
        """
        import mlflow
        from mlflow.exceptions import MlflowException

        with self._outages():
            try:
                self.client.create_registered_model(use_case)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            if known := self._versions_of(use_case, run_id):
                return str(known[0])
            # MLflow looks the model up at the process's address, whatever the client's is.
            mlflow.set_tracking_uri(self._uri)
            made = self.client.create_model_version(
                use_case,
                model.uri,
                run_id,
                tags={**tags, MODEL_HASH: model.sha256},
                model_id=model.uri.split("/")[-1],
            )
            # Another process may have registered the run between our look and our version: the first stays.
            first = self._versions_of(use_case, run_id)[0]
            if first != int(made.version):
                self.client.delete_model_version(use_case, made.version)
        return str(first)

    def _versions_of(self, use_case: str, run_id: str) -> list[int]:
        found = self.client.search_model_versions(f"name = '{use_case}' and run_id = '{run_id}'")
        return sorted(int(version.version) for version in found)

    def describe(self, use_case: str, version: str, text: str) -> None:
        """Set the text that MLflow shows with a version."""
        with self._outages():
            self.client.update_model_version(use_case, version, description=text)

    def set_alias(self, use_case: str, alias: str, version: str) -> None:
        """Point an alias at a version. Only a recorded decision may lead here."""
        with self._outages():
            self.client.set_registered_model_alias(use_case, alias, version)

    def delete_alias(self, use_case: str, alias: str) -> None:
        """Remove an alias."""
        with self._outages():
            self.client.delete_registered_model_alias(use_case, alias)

    def alias_version(self, use_case: str, alias: str) -> str | None:
        """Return the version that an alias points at, or None."""
        # The one way that always knows the aliases; search results may lack them.
        found = self._find(self.client.get_model_version_by_alias, use_case, alias)
        return None if found is None else str(found.version)

    def version_tags(self, use_case: str, version: str) -> dict[str, str]:
        """Return the tags of a registered version; none when there is no such version."""
        found = self._find(self.client.get_model_version, use_case, version)
        return {} if found is None else dict(found.tags)

    def version_model(self, use_case: str, version: str) -> LoggedModel:
        """Return the files of a registered version."""
        found = self._find(self.client.get_model_version, use_case, version)
        if found is None:
            raise NotFound(f"MLflow has no version {version} of {use_case}; see the ledger")
        return LoggedModel(uri=found.source, sha256=found.tags.get(MODEL_HASH, ""))
