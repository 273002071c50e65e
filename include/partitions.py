"""Arithmetic on partition keys: `YYYY-MM-DD`, the date that the data speaks of.

The clock of the machine is never read here. A partition is *available* one day after its date, because its
last event may happen just before midnight; that day is the earliest as-of that may see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

from include.errors import ConfigurationError

_KEY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
AVAILABILITY_LAG = timedelta(days=1)


def parse(key: str) -> date:
    """Return the date of a partition key.

    Raises:
        ConfigurationError: the key is not a calendar date written `YYYY-MM-DD`.

    >>> parse("2013-02-08")
    datetime.date(2013, 2, 8)
    """
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ConfigurationError(
            f"Partition key {key!r} is not a date; write it as YYYY-MM-DD, e.g. 2013-02-08"
        )
    try:
        return date.fromisoformat(key)
    except ValueError as error:
        raise ConfigurationError(f"Partition key {key!r} is not a date of the calendar: {error}") from error


def key_of(day: date) -> str:
    """Return the key of a date.

    >>> key_of(date(2013, 2, 8))
    '2013-02-08'
    """
    return day.isoformat()[:10]


def shift(key: str, days: int) -> str:
    """Return the key so many days later.

    >>> shift("2013-02-28", 1)
    '2013-03-01'
    """
    return key_of(parse(key) + timedelta(days=days))


def span(first: str, last: str) -> list[str]:
    """Return all keys from first to last, both included; empty when last is earlier.

    >>> span("2013-02-27", "2013-03-01")
    ['2013-02-27', '2013-02-28', '2013-03-01']
    """
    start = parse(first)
    return [key_of(start + timedelta(days=step)) for step in range((parse(last) - start).days + 1)]


def asked_span(first: str, last: str) -> list[str]:
    """Return all keys from first to last as a person asked for them.

    Raises:
        ConfigurationError: last is earlier, which can only be a mistake.

    >>> asked_span("2013-02-28", "2013-02-28")
    ['2013-02-28']
    """
    if parse(last) < parse(first):
        raise ConfigurationError(f"The range {first}..{last} ends before it begins; swap the two dates")
    return span(first, last)


def available_at(key: str) -> date:
    """Data time from which a partition may be seen: the day after its date.

    >>> available_at("2013-02-08")
    datetime.date(2013, 2, 9)
    """
    return parse(key) + AVAILABILITY_LAG


def last_visible(as_of: str) -> str:
    """Return the newest partition that a decision with this as-of may see.

    >>> last_visible("2013-02-11")
    '2013-02-10'
    """
    return key_of(parse(as_of) - AVAILABILITY_LAG)


def same_weekday(key: str, others: Iterable[str]) -> list[str]:
    """Return the keys among others that fall on the weekday of key, in order.

    >>> same_weekday("2013-02-08", ["2013-02-01", "2013-02-02"])
    ['2013-02-01']
    """
    weekday = parse(key).weekday()
    return sorted(other for other in others if parse(other).weekday() == weekday)
