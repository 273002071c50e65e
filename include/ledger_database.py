"""The ledger's database: opened on SQLite and on PostgreSQL alike, and written by one at a time."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from include.errors import ConfigurationError
from include.ledger_rows import decisions_table, metadata, policies_table

_LOCK = 4_021_969  # any fixed number: the advisory lock of the ledger on PostgreSQL


def open_engine(url: sa.URL) -> sa.Engine:
    """Return the engine of a database, with the ledger's tables made where they are missing.

    Raises:
        ConfigurationError: the address names a database that cannot be used.
    """
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    try:
        # A pooled connection must not be shared with a forked task process.
        engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"timeout": 60} if sqlite else {})
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        raise ConfigurationError(f"AIRLOCK_LEDGER_URL {url!r} cannot be used: {error}") from error
    if sqlite:
        sa.event.listen(engine, "connect", _manual_transactions)
        sa.event.listen(engine, "begin", _begin)
    with engine.connect().execution_options(writes=False) as connection:
        inspector = sa.inspect(connection)
        made = all(inspector.has_table(table.name) for table in (decisions_table, policies_table))
    if not made:
        with engine.begin() as connection:
            lock(connection)
            metadata.create_all(connection)
    return engine


def lock(connection: sa.Connection) -> None:
    """Let one writer at a time append; SQLite's BEGIN IMMEDIATE has done so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _manual_transactions(connection: object, _record: object) -> None:
    # sqlite3 opens its transactions too late for a read that a write depends on.
    connection.isolation_level = None  # type: ignore[attr-defined]


def _begin(connection: sa.Connection) -> None:
    # A writer reads before it writes, so it takes the lock first; readers do not keep each other waiting.
    writes = connection.get_execution_options().get("writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
