"""The rows of a database as text, one line each, so that they can be put into another kind of database."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.errors import ConfigurationError, Outage

_BATCH = 500
# Of the tools that make tables, not of what lies in them.
_NOT_COPIED = {"alembic_version"}


def dump(url: str, folder: Path) -> dict[str, int]:
    """Write every table into a file of a folder, as they stand at one moment; return the numbers of rows.

    Raises:
        Outage: the database does not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    with _connection(url, writes=False) as connection:
        for table in _tables(connection):
            with (folder / f"{table.name}.jsonl").open("w", encoding="utf-8") as file:
                count = 0
                rows = connection.execution_options(yield_per=_BATCH).execute(table.select())
                for row in rows.mappings():
                    values = {name: _encoded(value) for name, value in row.items()}
                    file.write(json.dumps(values, ensure_ascii=False) + "\n")
                    count += 1
            counts[table.name] = count
    return counts


def load(url: str, folder: Path, *, changed: dict[str, str] | None = None) -> dict[str, int]:
    """Put rows into the tables of a database in which nothing has happened yet; return the numbers of rows.

    Args:
        url: SQLAlchemy address; the tables are there.
        folder: as `dump` wrote it.
        changed: beginnings of texts, by what they become: addresses that have moved.

    Raises:
        ConfigurationError: a table of the copy does not exist here.
        Outage: the database does not answer.
    """
    counts = {}
    with _connection(url, writes=True) as connection:
        tables = _tables(connection)
        kept = {path.stem for path in folder.glob("*.jsonl") if path.stat().st_size}
        unknown = kept - {table.name for table in tables}
        if unknown:
            raise ConfigurationError(
                f"This database has no table {', '.join(sorted(unknown))}: restore with the release that "
                "made the backup, then upgrade"
            )
        present = [table for table in tables if (folder / f"{table.name}.jsonl").exists()]
        for table in reversed(present):
            # MLflow makes an experiment of its own in a new database.
            if table.name != "decisions":
                connection.execute(table.delete())
        for table in present:
            counts[table.name] = 0
            for rows in _batches(folder / f"{table.name}.jsonl", changed or {}):
                connection.execute(table.insert(), [_typed(table, row) for row in rows])
                counts[table.name] += len(rows)
        if connection.dialect.name == "postgresql":
            _continue_sequences(connection, present)
    return counts


@contextmanager
def _connection(url: str, *, writes: bool) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    if not writes and engine.dialect.name == "postgresql":
        # All tables as they stand at the first read.
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    try:
        with engine.connect() as connection, connection.begin():
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
            yield connection
    except sa.exc.OperationalError as error:
        raise Outage(f"The database at {sa.make_url(url)!r} does not answer: {error.orig}") from error


def _tables(connection: sa.Connection) -> list[sa.Table]:
    """Return the tables, each after those that it refers to."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name not in _NOT_COPIED]


def _encoded(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return {"bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, dict | list):
        return {"json": value}
    return value


def _typed(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row in the types of its table here: SQLite keeps truth as a number."""
    values = dict(row)
    for column in table.columns:
        value = values.get(column.name)
        if isinstance(value, dict):
            ((kind, content),) = value.items()
            if kind == "bytes":
                values[column.name] = base64.b64decode(content)
            elif kind == "datetime":
                values[column.name] = datetime.fromisoformat(content)
            else:
                values[column.name] = content
        elif isinstance(value, int | bool):
            values[column.name] = bool(value) if isinstance(column.type, sa.Boolean) else int(value)
    return values


def _batches(path: Path, changed: dict[str, str]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            rows.append({name: _moved(value, changed) for name, value in json.loads(line).items()})
            if len(rows) == _BATCH:
                yield rows
                rows = []
    if rows:
        yield rows


def _moved(value: Any, changed: dict[str, str]) -> Any:
    if isinstance(value, str):
        for before, after in changed.items():
            if value.startswith(before):
                return after + value.removeprefix(before)
    return value


def _continue_sequences(connection: sa.Connection, tables: list[sa.Table]) -> None:
    """Let PostgreSQL count on from the largest number that was put in."""
    for table in tables:
        for column in table.primary_key.columns:
            if isinstance(column.type, sa.Integer):
                sequence = connection.execute(
                    sa.select(sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name))
                ).scalar()
                if sequence:
                    newest = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
                    connection.execute(sa.select(sa.func.setval(sequence, newest, False)))
