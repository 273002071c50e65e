"""A staged table as a relation that DuckDB reads in bounded memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.disks import full_disk
from include.errors import DiskFull, Outage
from include.ingestion.staged import StagedTable

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

ROW = "file_row_number"
_MEMORY = "1GB"
_MOST_THREADS = 4


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever signs it has.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Sql:
    """A piece of SQL; values never stand in its text."""

    text: str
    values: tuple[Any, ...] = ()

    def __add__(self, other: Sql | str) -> Sql:
        """Join two pieces; plain text has no values."""
        if isinstance(other, str):
            return Sql(self.text + other, self.values)
        return Sql(self.text + other.text, self.values + other.values)


@dataclass
class Rows:
    """Rows that can be asked questions.

    Attributes:
        source: what to select from; holds the columns of the table and `file_row_number`.
        derived: for columns that rules make: what to select from to have that column as well.
    """

    connection: duckdb.DuckDBPyConnection
    source: Sql
    derived: dict[str, Sql] = field(default_factory=dict)

    def having(self, columns: list[str]) -> Sql:
        """Return what to select from to have these columns, derived or not."""
        made = [self.derived[name] for name in columns if name in self.derived]
        return made[0] if made else self.source

    def ask(self, question: Sql) -> list[tuple[Any, ...]]:
        """Run a query and return all rows of its answer."""
        return self.connection.execute(question.text, list(question.values)).fetchall()

    def read(self, question: Sql, size: int = 131_072) -> pa.RecordBatchReader:
        """Run a query and return its answer in batches of so many rows."""
        return self.connection.sql(question.text, params=list(question.values)).to_arrow_reader(size)


@contextmanager
def open_rows(staged: StagedTable, folder: Path) -> Iterator[Rows]:
    """Open a staged table. What does not fit into memory goes to the task's own folder.

    Raises:
        duckdb.Error: the file is not readable.
        DiskFull: there is no room for what does not fit into memory.
        Outage: rows of earlier days, which a rule looks at, cannot be read.
    """
    import duckdb
    import pyarrow as pa

    settings: dict[str, Any] = {
        "threads": min(os.cpu_count() or 1, _MOST_THREADS),
        "memory_limit": _MEMORY,
        "temp_directory": str(folder),
        # Nothing is fetched from anywhere: what a rule needs is built in.
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(":memory:", config=settings) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        path = str(staged.path).replace("'", "''")
        connection.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet('{path}', {ROW} = true)")
        try:
            yield Rows(connection, Sql("rows"))
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise_store_fault(error)
            raise


def raise_store_fault(error: Exception) -> None:
    """Raise what a query's error means where a disk or the lake has failed, which says nothing of the rows.

    Raises:
        DiskFull: there is no room for what does not fit into memory.
        Outage: rows of earlier days cannot be read.
    """
    place, said = tempfile.gettempdir(), str(error).split("\n")[0]
    if "failed to offload data block" in said:
        raise DiskFull(
            f"The disk of {place} is full: {said} Make room there, or name a larger one in TMPDIR, and run "
            "it again"
        ) from error
    if full := full_disk(place, error):
        raise full from error
    if "reading the stream registered as" in said and "IOError" in said:
        raise Outage(
            f"Rows of earlier days, which a rule looks at, cannot be read: {said[:400]}. Check "
            "AIRLOCK_LAKE_URL and the store"
        ) from error
