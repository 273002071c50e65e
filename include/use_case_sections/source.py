"""The section `source`: where batches come from."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from include.storage import checked_key
from include.use_case_sections.base import Identifier, Section
from include.use_case_sections.contract import Contract


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
        return checked_key(path) and path
    except Exception as error:
        raise ValueError(str(error)) from error


PathTemplate = Annotated[str, AfterValidator(_path_template)]


class SideTable(Section):
    """A second table that lands beside the batch, for example the weather."""

    path: PathTemplate
    contract: Contract


class Source(Section):
    """Where the batches come from."""

    kind: Literal["parquet"]
    path: PathTemplate
    event_time: str = Field(description="column with the time of the event, ISO 8601 with its offset")
    timezone: Annotated[str, AfterValidator(_timezone)]
    start_date: date
    end_date: date | None = Field(None, description="last data date, when the data has ended")
    schedule: str = "0 0 * * *"
    max_file_bytes: int = Field(1_000_000_000, ge=1)
    side_tables: dict[Identifier, SideTable] = Field(default_factory=dict)
