"""Logs of tasks in an object store, so that the UI shows them whichever worker ran the task.

Named in `[logging] logging_config_class` where the setting `task_logs_url` is given. A worker writes the log
of a running task into its own folder and puts it here when the task ends.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG as LOGGING_CONFIG
from airflow.configuration import conf

if TYPE_CHECKING:
    from include.storage import ObjectStore

__all__ = ["LOGGING_CONFIG", "REMOTE_TASK_LOG"]


class StoredTaskLogs:
    """Airflow's interface of remote logs, over the store that the settings name."""

    processors: tuple[Any, ...] = ()

    @cached_property
    def _store(self) -> ObjectStore:
        from include.settings import get_settings
        from include.storage import open_store

        settings = get_settings()
        return open_store(settings.task_logs_url, settings)

    def upload(self, path: os.PathLike[str] | str, ti: object = None) -> None:
        """Put the log of an ended task into the store. A store that is down does not fail the task."""
        from include.errors import Outage

        relative = os.fspath(path)
        local = Path(conf.get("logging", "base_log_folder"), relative)
        try:
            self._store.put(relative, local.read_bytes())
        except (Outage, OSError) as error:
            import structlog

            structlog.get_logger(__name__).warning(
                "the log stays on the worker", file=str(local), why=str(error)
            )

    def read(self, relative_path: str, ti: object) -> tuple[list[str], list[str] | None]:
        """Return where a log was found and its text, or why there is none."""
        from include.errors import NotFound, Outage

        try:
            text = self._store.get(relative_path).decode("utf-8", errors="replace")
        except NotFound:
            return [f"{self._store.address(relative_path)} comes when the task has ended"], None
        except Outage as error:
            return [str(error)], None
        return [self._store.address(relative_path)], [text]


REMOTE_TASK_LOG = StoredTaskLogs()
