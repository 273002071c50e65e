"""States in one SQLite file.

The driver is used as it is: what a layer above it costs is more than the reading itself.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from include.errors import Outage
from include.features.online.state import Head, Seen, SideLook, SideRow, State
from include.features.online.stores import replaces

_TABLES = """
CREATE TABLE IF NOT EXISTS heads (space TEXT PRIMARY KEY, head TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    space TEXT, key TEXT, content TEXT NOT NULL, PRIMARY KEY (space, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS side_rows (
    space TEXT, side TEXT, entity TEXT, at INTEGER, content TEXT NOT NULL,
    PRIMARY KEY (space, side, entity, at)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS newest (
    space TEXT, side TEXT, at INTEGER NOT NULL, PRIMARY KEY (space, side)
) WITHOUT ROWID;
"""
_PATIENCE_SECONDS = 30
_HEAD = "SELECT head FROM heads WHERE space = ?"
_ENTRY = "SELECT content FROM entries WHERE space = ? AND key = ?"
_SIDE = (
    "SELECT content FROM side_rows WHERE space = ? AND side = ? AND entity = ? AND at BETWEEN ? AND ? "
    "ORDER BY at DESC LIMIT 1"
)
_NEWEST = "SELECT at FROM newest WHERE space = ? AND side = ?"


class SqliteStore:
    """States in a file that threads and processes of one machine share.

    Args:
        path: of the file; its folder is made when missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._local = threading.local()
        self._heads: dict[str, Head] = {}

    def head(self, space: str) -> Head | None:
        with self._outages():
            return self._head(self._connection().execute(_HEAD, (space,)).fetchone())

    def look(self, space: str, keys: Sequence[str], sides: Sequence[SideLook]) -> Seen:
        connection = self._connection()
        with self._outages(), _transaction(connection, "BEGIN"):
            return Seen(
                head=self._head(connection.execute(_HEAD, (space,)).fetchone()),
                entries=[_first(connection.execute(_ENTRY, (space, key)).fetchone()) for key in keys],
                sides=[_first(connection.execute(_SIDE, (space, *look)).fetchone()) for look in sides],
                newest=[_first(connection.execute(_NEWEST, (space, look.side)).fetchone()) for look in sides],
            )

    def switch(self, space: str, state: State) -> Head:
        connection = self._connection()
        with self._outages(), _transaction(connection, "BEGIN IMMEDIATE"):
            old = self._head(connection.execute(_HEAD, (space,)).fetchone())
            if old is not None and not replaces(state.head, old):
                return old
            connection.execute("DELETE FROM entries WHERE space = ?", (space,))
            connection.executemany(
                "INSERT INTO entries VALUES (?, ?, ?)",
                ((space, key, content) for key, content in state.entries.items()),
            )
            for side, until in state.settled.items():
                connection.execute(
                    "DELETE FROM side_rows WHERE space = ? AND side = ? AND at <= ?", (space, side, until)
                )
            _insert(connection, space, state.side_rows)
            for side, first in state.needed.items():
                connection.execute(
                    "DELETE FROM side_rows WHERE space = ? AND side = ? AND at < ?", (space, side, first)
                )
            connection.execute(
                "INSERT OR REPLACE INTO heads VALUES (?, ?)", (space, state.head.model_dump_json())
            )
            return state.head

    def put_side_rows(self, space: str, rows: Sequence[SideRow]) -> None:
        connection = self._connection()
        with self._outages(), _transaction(connection, "BEGIN IMMEDIATE"):
            _insert(connection, space, rows)

    def close(self) -> None:
        """Close the connection of this thread."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            with self._outages():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                found = _opened(self.path)
            self._local.connection = found
        return found

    def _head(self, found: tuple[str] | None) -> Head | None:
        if found is None:
            return None
        text = found[0]
        if text not in self._heads:
            self._heads = {text: Head.model_validate_json(text)}
        return self._heads[text]

    @contextmanager
    def _outages(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Outage(
                f"The online store {self.path} does not answer: {error}. See whether its disk is full or the "
                "file locked, then repeat; ./airlock materialise makes the file anew when it is removed"
            ) from error


def _is_busy(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


# While another connection makes the same new file, SQLite does not wait by itself.
@retry(
    retry=retry_if_exception(_is_busy),
    stop=stop_after_delay(_PATIENCE_SECONDS),
    wait=wait_random(0.01, 0.1),
    reraise=True,
)
def _opened(path: Path) -> sqlite3.Connection:
    found = sqlite3.connect(path, timeout=_PATIENCE_SECONDS, isolation_level=None)
    try:
        # Readers go on while a state is written.
        found.execute("PRAGMA journal_mode = WAL")
        found.execute("PRAGMA synchronous = NORMAL")
        found.executescript(_TABLES)
    except sqlite3.Error:
        found.close()
        raise
    return found


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, space: str, rows: Sequence[SideRow]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO side_rows VALUES (?, ?, ?, ?, ?)", ((space, *row) for row in rows)
    )
    newest: dict[str, int] = {}
    for row in rows:
        newest[row.side] = max(row.at, newest.get(row.side, row.at))
    connection.executemany(
        "INSERT INTO newest VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
        ((space, side, at) for side, at in newest.items()),
    )


def _first(row: tuple[Any] | None) -> Any:
    return None if row is None else row[0]
