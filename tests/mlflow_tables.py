"""MLflow's empty tables, made once: the migrations that make them take two seconds for each new database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from mlflow.store.db import utils
from mlflow.store.model_registry import sqlalchemy_store

_NAME = "_initialize_tables"


@contextmanager
def copied_from(template: Callable[[Callable[[Path], object]], Path]) -> Iterator[None]:
    """Let new SQLite databases of this process begin as copies.

    Args:
        template: returns a folder that is filled once by the function it is given.
    """
    migrate = getattr(utils, _NAME)

    def fill(folder: Path) -> None:
        folder.mkdir()
        engine = sqlalchemy.create_engine(f"sqlite:///{folder}/mlflow.db")
        migrate(engine)
        engine.dispose()

    def copy(engine: sqlalchemy.Engine) -> None:
        if engine.dialect.name != "sqlite":
            migrate(engine)
            return
        with (
            closing(sqlite3.connect(template(fill) / "mlflow.db")) as empty,
            closing(engine.raw_connection()) as connection,
        ):
            empty.backup(connection.driver_connection)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        for module in (utils, sqlalchemy_store):
            patch.setattr(module, _NAME, copy)
        yield
