"""The stores that one installation works with, opened when first used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from include.errors import ConfigurationError
from include.lake import Lake
from include.ledger import Ledger
from include.settings import Settings, get_settings
from include.storage import ObjectStore, open_store

if TYPE_CHECKING:
    from include.registry import Registry
    from include.use_case import UseCase


Connections = Callable[[str], str]


class Workspace:
    """What every stage is given: where to read, where to write, where to record.

    Args:
        settings: of this installation; the environment's when left out.
        connections: returns the SQLAlchemy URL of a connection by its id, for sources that are databases.
    """

    def __init__(self, settings: Settings | None = None, *, connections: Connections | None = None) -> None:
        self.settings = settings or get_settings()
        self.connections = connections or _no_connections

    @cached_property
    def landing(self) -> ObjectStore:
        """Where upstream systems put files. Airlock only reads it."""
        return open_store(self.settings.landing, self.settings)

    @cached_property
    def raw(self) -> ObjectStore:
        """Every file that ever landed, by its hash; never overwritten."""
        return open_store(f"{self.settings.lake.rstrip('/')}/_raw", self.settings)

    @cached_property
    def selections(self) -> ObjectStore:
        """Lists of rows that decisions name by their hash."""
        return open_store(f"{self.settings.lake.rstrip('/')}/_selections", self.settings)

    @cached_property
    def reports(self) -> ObjectStore:
        """Reports for people."""
        return open_store(f"{self.settings.lake.rstrip('/')}/_reports", self.settings)

    @cached_property
    def definitions(self) -> ObjectStore:
        """What each version of each feature set defines; never overwritten."""
        return open_store(f"{self.settings.lake.rstrip('/')}/_definitions", self.settings)

    @cached_property
    def lake(self) -> Lake:
        return Lake.from_settings(self.settings)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.settings.ledger)

    @cached_property
    def registry(self) -> Registry:
        from include.registry import Registry

        return Registry(self.settings)

    def use_case(self, name: str) -> UseCase:
        """Read a declared use case."""
        from include.use_case import load_use_case

        return load_use_case(name, self.settings)


def _no_connections(connection: str) -> str:
    raise ConfigurationError(
        f"Connection {connection!r} is known to Airflow only; ingest this use case through its DAG"
    )
