"""SQL: the rows of one partition, streamed from the database through a bound parameter."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from include.errors import BatchUnreadable, ConfigurationError, Outage
from include.ingestion.sources.conversion import Conversion, check_columns
from include.ingestion.sources.objects import object_batch
from include.use_case_sections import SqlQuery

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Engine

_ROWS = 10_000


def read_sql(
    source: SqlQuery, partition: str, url: str, conversion: Conversion, *, max_columns: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows that the query gives for a partition.

    Args:
        source: the query.
        partition: bound to `:partition`, as text.
        url: SQLAlchemy URL of the database, with its password: never shown.
        conversion: to the contract's types.
        max_columns: of the result.

    Raises:
        Outage: the database does not answer.
        BatchUnreadable: it refuses the query, for example because a column was renamed.
        ConfigurationError: the URL names no driver that is installed.
    """
    import sqlalchemy as sa
    from sqlalchemy.exc import DBAPIError, OperationalError

    engine = _engine(url, source.connection)
    try:
        with engine.connect() as connection:
            options = {"stream_results": True, "max_row_buffer": _ROWS, **_read_only(engine)}
            result = connection.execution_options(**options).execute(
                sa.text(source.query), {"partition": partition}
            )
            names = list(result.keys())
            if not check_columns(names, conversion.doubts, max_columns=max_columns):
                return
            place = count(1)
            for rows in result.partitions(_ROWS):
                columns = dict(zip(names, zip(*rows, strict=True), strict=True))
                places = [next(place) for _ in rows]
                yield object_batch(columns, places, source, conversion)
    except OperationalError as error:
        raise Outage(
            f"The database of connection {source.connection!r} failed: {_said(error)}. Is it running?"
        ) from error
    except DBAPIError as error:
        raise BatchUnreadable(
            f"the database of connection {source.connection!r} refused source.query: {_said(error)}"
        ) from error
    finally:
        engine.dispose()


def _engine(url: str, connection: str) -> Engine:
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        return sa.create_engine(url, poolclass=sa.NullPool)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        # The message of an argument error may hold the URL, and that its password.
        raise ConfigurationError(
            f"Connection {connection!r} leads to no database whose driver is installed "
            f"({type(error).__name__}); correct its type"
        ) from None


def _read_only(engine: Engine) -> dict[str, bool]:
    return {"postgresql_readonly": True} if engine.dialect.name == "postgresql" else {}


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", error)).split())
