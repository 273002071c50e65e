"""The section `source`: where batches come from, one class per kind of source.

What a file cannot say of itself (encoding, delimiter, decimal sign, form and zone of its times) is declared
here and never guessed: text that does not fit the declaration is a fault.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from include.storage import checked_key
from include.use_case_sections.base import Identifier, Section
from include.use_case_sections.contract import Contract

DEFAULT_KIND = "parquet"
ISO_8601 = "iso8601"


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; use an IANA name such as America/New_York") from error
    return name


def _path_template(path: str) -> str:
    if "{partition}" not in path:
        raise ValueError(f"{path!r} names one file for all dates; put {{partition}} where the date belongs")
    try:
        return checked_key(path.removesuffix("/")) and path
    except Exception as error:
        raise ValueError(str(error)) from error


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"{name!r} is not an encoding; use a name such as utf-8 or cp1252") from error
    return name


def _query(query: str) -> str:
    if not re.search(r"(?<![:\w]):partition\b", query):
        raise ValueError("the query reads all dates; bind the date with `:partition` in its WHERE clause")
    if re.search(r"\{\w*\}|%\(?\w*\)?s", query):
        raise ValueError("the query is a template of text; values are bound, so write `:partition` instead")
    return query


def _function(name: str) -> str:
    if not re.fullmatch(r"[a-z_]\w*:[a-z_]\w*", name, re.ASCII):
        raise ValueError(f"{name!r} is not module:function; name a file beside the YAML, e.g. extract:rows")
    return name


PathTemplate = Annotated[str, AfterValidator(_path_template)]
Zone = Annotated[str, AfterValidator(_timezone)]
_Sign = Annotated[str, Field(min_length=1, max_length=1)]


class _Files(Section):
    """Files in the landing folder."""

    path: PathTemplate = Field(
        description="one file, a folder (ends with `/`) or a pattern with `*` of part files per partition"
    )
    success_marker: str | None = Field(
        None, description="name of the file that the writer adds last, such as _SUCCESS; without it: refused"
    )

    @model_validator(mode="after")
    def _marker_is_a_name(self) -> _Files:
        if self.success_marker is not None and "/" in checked_key(self.success_marker):
            raise ValueError(f"success_marker {self.success_marker!r} is a path; give the file's name alone")
        return self


class ParquetFiles(_Files):
    """Parquet files."""

    kind: Literal["parquet"] = "parquet"


class _Times(Section):
    """How times are written where they are text."""

    timestamp_format: str = Field(
        ISO_8601, description="iso8601, or a format of strptime such as `%d.%m.%Y %H:%M:%S`"
    )
    timestamp_timezone: Zone | None = Field(
        None, description="zone of times that are written without their offset; without it: refused"
    )


class _Text(_Files, _Times):
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    compression: Literal["none", "gzip"] = "none"


class CsvFiles(_Text):
    """Files of separated values. A value is read as the contract types its column, or it is a fault."""

    kind: Literal["csv"]
    delimiter: _Sign = ","
    quote: _Sign = '"'
    escape: _Sign | None = Field(None, description="sign before a quote; without it, quotes are doubled")
    header: bool = Field(True, description="without one, the columns are those of the contract, in its order")
    decimal: Literal[".", ","] = "."
    null_values: list[str] = Field(default_factory=lambda: [""], description="texts that stand for no value")
    true_values: list[str] = Field(default_factory=lambda: ["true", "True", "TRUE"])
    false_values: list[str] = Field(default_factory=lambda: ["false", "False", "FALSE"])

    @model_validator(mode="after")
    def _signs_differ(self) -> CsvFiles:
        signs = [self.delimiter, self.quote, *([self.escape] if self.escape else []), "\n", "\r"]
        if len(set(signs)) < len(signs):
            raise ValueError("delimiter, quote and escape must differ from each other and from a line's end")
        if self.decimal == self.delimiter:
            raise ValueError(f"{self.decimal!r} cannot be decimal and delimiter; use delimiter: ';'")
        return self


class JsonLinesFiles(_Text):
    """Files with one JSON object a line."""

    kind: Literal["json_lines"]


class SqlQuery(_Times):
    """Rows of a database, through a connection of Airflow."""

    kind: Literal["sql"]
    connection: str = Field(pattern=r"^[\w.-]{1,200}$", description="id of the Airflow connection")
    query: Annotated[str, AfterValidator(_query)] = Field(
        description="SELECT with `:partition`, bound as text; end with ORDER BY, so that a repeat is the same"
    )


class PythonFunction(_Times):
    """Rows of a function in the use case's own folder: called with the partition, it gives frames.

    A frame is a pandas DataFrame, an Arrow table or batch, or a list of dictionaries; many may be yielded.
    """

    kind: Literal["python"]
    function: Annotated[str, AfterValidator(_function)] = Field(description="module:function")


class Wait(Section):
    """Wait for files that are still being written, without holding a task slot."""

    settle_seconds: int = Field(60, ge=1, description="so long no size may change; only without marker")
    timeout_minutes: int = Field(720, ge=1, description="then ingestion runs anyway, and refuses with reason")


class _Stream(Section):
    """What all kinds share: the batches' calendar and the limits on what is read."""

    event_time: str = Field(description="column with the time of the event, ISO 8601 with its offset")
    timezone: Zone
    start_date: date
    end_date: date | None = Field(None, description="last data date, when the data has ended")
    schedule: str = "0 0 * * *"
    wait: Wait | None = Field(None, description="wait for files that are still being written")
    max_file_bytes: int = Field(1_000_000_000, ge=1)
    max_files: int = Field(1000, ge=1, description="files of one table and partition")
    max_decompressed_bytes: int = Field(
        20_000_000_000, ge=1, description="of one table; more is taken for a decompression bomb"
    )
    max_compression_ratio: int = Field(
        200, ge=2, description="of a gzip file; repetitive text reaches 20, a bomb 1000"
    )
    max_value_bytes: int = Field(1_000_000, ge=1, description="length of one text")
    max_columns: int = Field(2000, ge=1)


class _Side(Section):
    contract: Contract


class ParquetSideTable(_Side, ParquetFiles):
    """A second table that lands beside the batch, for example the weather, as Parquet files."""


class CsvSideTable(_Side, CsvFiles):
    """A second table from CSV files."""


class JsonLinesSideTable(_Side, JsonLinesFiles):
    """A second table from JSON Lines files."""


class SqlSideTable(_Side, SqlQuery):
    """A second table from a database."""


class PythonSideTable(_Side, PythonFunction):
    """A second table from a Python function."""


def _kind(value: Any) -> Any:
    return value.get("kind", DEFAULT_KIND) if isinstance(value, dict) else getattr(value, "kind", None)


SideTable = Annotated[
    Annotated[ParquetSideTable, Tag("parquet")]
    | Annotated[CsvSideTable, Tag("csv")]
    | Annotated[JsonLinesSideTable, Tag("json_lines")]
    | Annotated[SqlSideTable, Tag("sql")]
    | Annotated[PythonSideTable, Tag("python")],
    Discriminator(_kind),
]


class _Main(_Stream):
    side_tables: dict[Identifier, SideTable] = Field(
        default_factory=dict, description="tables beside the batch; kind parquet when left out"
    )


class ParquetSource(_Main, ParquetFiles):
    """Batches as Parquet files in the landing folder."""


class CsvSource(_Main, CsvFiles):
    """Batches as CSV files in the landing folder."""


class JsonLinesSource(_Main, JsonLinesFiles):
    """Batches as JSON Lines files in the landing folder."""


class SqlSource(_Main, SqlQuery):
    """Batches read from a database."""


class PythonSource(_Main, PythonFunction):
    """Batches made by a Python function."""


Source = Annotated[
    ParquetSource | CsvSource | JsonLinesSource | SqlSource | PythonSource, Field(discriminator="kind")
]
TableSource = ParquetFiles | CsvFiles | JsonLinesFiles | SqlQuery | PythonFunction
FileSource = ParquetFiles | CsvFiles | JsonLinesFiles
