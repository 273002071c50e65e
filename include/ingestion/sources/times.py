"""Times written as text: read only as declared, never guessed at."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from include.use_case_sections import ISO_8601

if TYPE_CHECKING:
    import pyarrow as pa

# A day less on both sides, so that every zone has a date for it.
_CALENDAR = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC))
_LOCAL = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"
_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"


def moments(texts: pa.Array, *, form: str, zone: str | None) -> pa.Array:
    """Return the moment of each text as microseconds in UTC; null where it does not fit the declaration.

    A local time that a change of the clocks leaves out or repeats names no moment either.

    Args:
        texts: strings, with nulls.
        form: `iso8601`, or a format of `datetime.strptime`.
        zone: IANA name of the zone of times without an offset; None when each must carry its own.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if form == ISO_8601:
        with_offset = pc.match_substring_regex(texts, f"{_LOCAL}{_OFFSET}")
        if pc.all(with_offset, min_count=0).as_py():
            short = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
            try:
                return within_calendar(short.cast(pa.timestamp("us", "UTC")))
            except pa.ArrowInvalid:
                pass  # a date that no calendar has, such as 30 February: look at each
    coded = texts.dictionary_encode()
    found = [_moment(text, form, zone) for text in coded.dictionary.to_pylist()]
    return pa.array(found, pa.timestamp("us", "UTC")).take(coded.indices)


def within_calendar(times: pa.Array) -> pa.Array:
    """Make null what lies outside the years 1 to 9999, for which Python has no date."""
    import pyarrow as pa
    import pyarrow.compute as pc

    first, last = (pa.scalar(moment, times.type) for moment in _CALENDAR)
    inside = pc.and_(pc.greater_equal(times, first), pc.less_equal(times, last))
    return pc.if_else(inside, times, pa.scalar(None, times.type))


def _moment(text: str, form: str, zone: str | None) -> datetime | None:
    try:
        if form != ISO_8601:
            time = datetime.strptime(text, form)  # noqa: DTZ007 -- the zone is added below
        elif re.fullmatch(f"{_LOCAL}(?:{_OFFSET})?".replace("$", ""), text, re.ASCII):
            time = datetime.fromisoformat(text)
        else:
            return None
        if time.tzinfo is None:
            return _located(time, ZoneInfo(zone)) if zone else None
        moment = time.astimezone(UTC)
        return moment if _CALENDAR[0] <= moment <= _CALENDAR[1] else None
    except (ValueError, OverflowError):
        return None


def _located(time: datetime, zone: ZoneInfo) -> datetime | None:
    first, second = (time.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    # In a gap and in an overlap the two readings differ.
    return first.astimezone(UTC) if first.utcoffset() == second.utcoffset() else None


def wanted(form: str, zone: str | None) -> str:
    """Say how a time had to be written."""
    shape = "an ISO 8601 time" if form == ISO_8601 else f"a time written {form}"
    if zone is not None:
        return f"{shape} that exists once in {zone}"
    if form == ISO_8601 or "%z" in form:
        return f"{shape} with its offset"
    return f"{shape} with its zone; declare timestamp_timezone"
