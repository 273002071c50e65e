"""Delta tables opened once and then brought up to date: two requests of a store instead of thirty."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deltalake import DeltaTable


class OpenTables(threading.local):
    """The tables that a thread holds open: two threads that use one object at once wait for each other.

    Args:
        options: of their store.
    """

    def __init__(self, options: dict[str, str]) -> None:
        self._options = options
        self.held: dict[str, DeltaTable] = {}

    def __reduce__(self) -> tuple[type[OpenTables], tuple[dict[str, str]]]:
        # A lake that goes to another process, as Spark sends one to its workers, opens its tables there.
        return OpenTables, (self._options,)

    def newest(self, uri: str) -> DeltaTable:
        """Return a table as it stands now: one object for all, that moves on with the next who asks."""
        delta = self.held.pop(uri, None)
        if delta is None:
            delta = self.at(uri, None)
        else:
            delta.update_incremental()
        self.held[uri] = delta
        return delta

    def at(self, uri: str, version: int | None) -> DeltaTable:
        """Return a table of its own at a version, the newest if None."""
        from deltalake import DeltaTable

        return DeltaTable(uri, version=version, storage_options=self._options)
