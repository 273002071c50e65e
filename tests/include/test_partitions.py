"""Arithmetic on partition keys: laws that hold for every date of the calendar."""

import calendar
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import partitions
from include.errors import ConfigurationError

DATES = st.dates(date(1000, 1, 1), date(9000, 12, 31))
KEYS = DATES.map(partitions.key_of)
STEPS = st.integers(-5000, 5000)


@given(st.dates())
@settings(deadline=None)
def test_a_key_names_its_date(day):
    key = partitions.key_of(day)
    assert partitions.parse(key) == day
    assert len(key) == 10


@given(st.dates(), st.dates())
@settings(deadline=None)
def test_keys_are_in_the_order_of_their_dates(one, other):
    assert (partitions.key_of(one) < partitions.key_of(other)) == (one < other)


@given(st.text(max_size=12) | st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"))
@settings(deadline=None)
def test_a_text_is_a_key_exactly_when_it_is_what_its_date_is_written_as(text):
    try:
        written = partitions.key_of(partitions.parse(text))
    except ConfigurationError:
        written = None
    assert written == (text if is_written_date(text) else None)


def is_written_date(text):
    """Digits and dashes in their places, and a day that the calendar has."""
    shape = [len(part) for part in text.split("-")] == [4, 2, 2] and set(text) <= set("0123456789-")
    if not shape:
        return False
    year, month, day = map(int, text.split("-"))
    return year >= 1 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "2013-2-8",
        "20130208",
        "2013-02-30",
        "2013-13-01",
        "2013-00-01",
        "0000-01-01",
        "2013-W06-5",
        "2013-02-08\n",
        " 2013-02-08",
        "2013-02-08T00:00:00",
        "٢٠١٣-٠٢-٠٨",
        "../2013-02-08",
        None,
        20130208,
        date(2013, 2, 8),
    ],
)
def test_what_is_not_a_key(wrong):
    with pytest.raises(ConfigurationError, match="Partition key"):
        partitions.parse(wrong)


@given(KEYS, STEPS, STEPS)
@settings(deadline=None)
def test_shifts_add_up_and_can_be_taken_back(key, one, other):
    assert partitions.shift(partitions.shift(key, one), other) == partitions.shift(key, one + other)
    assert partitions.shift(partitions.shift(key, one), -one) == key
    assert partitions.shift(key, 0) == key


@given(KEYS, st.integers(-400, 400))
@settings(deadline=None)
def test_a_span_holds_every_day_once_in_order(first, days):
    last = partitions.shift(first, days)
    found = partitions.span(first, last)
    assert len(found) == max(0, days + 1)
    assert found == sorted(set(found))
    if found:
        assert (found[0], found[-1]) == (first, last)
        steps = {partitions.parse(b) - partitions.parse(a) for a, b in pairwise(found)}
        assert steps <= {timedelta(days=1)}


@given(KEYS)
@settings(deadline=None)
def test_a_partition_is_visible_from_the_day_it_is_available_and_not_before(key):
    available = partitions.available_at(key)
    assert available == partitions.parse(key) + timedelta(days=1)
    assert partitions.last_visible(partitions.key_of(available)) == key
    assert partitions.last_visible(key) < key


@given(KEYS, st.lists(KEYS | st.integers(0, 60).map(lambda d: partitions.shift("2013-01-01", d))))
@settings(deadline=None)
def test_same_weekday_keeps_all_and_only_that_weekday(key, others):
    found = partitions.same_weekday(key, others)
    assert found == sorted(found)
    kept = [o for o in others if (partitions.parse(o) - partitions.parse(key)).days % 7 == 0]
    assert found == sorted(kept)


@given(KEYS, st.lists(KEYS))
@settings(deadline=None)
def test_same_weekday_reads_any_iterable_once(key, others):
    assert partitions.same_weekday(key, iter(others)) == partitions.same_weekday(key, others)


def test_a_wrong_key_stops_every_operation():
    wrong = "2013-02-30"
    for call in (
        lambda: partitions.shift(wrong, 1),
        lambda: partitions.span(wrong, "2013-03-01"),
        lambda: partitions.span("2013-02-01", wrong),
        lambda: partitions.available_at(wrong),
        lambda: partitions.last_visible(wrong),
        lambda: partitions.same_weekday(wrong, []),
        lambda: partitions.same_weekday("2013-02-01", [wrong]),
    ):
        with pytest.raises(ConfigurationError, match="2013-02-30"):
            call()


def test_leap_days():
    assert partitions.span("2012-02-28", "2012-03-01") == ["2012-02-28", "2012-02-29", "2012-03-01"]
    assert partitions.shift("2013-03-01", -1) == "2013-02-28"
    with pytest.raises(ConfigurationError, match="calendar"):
        partitions.parse("2013-02-29")
