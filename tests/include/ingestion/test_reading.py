"""The local dates of times, however they are written."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from include.ingestion.reading import local_dates

NEW_YORK = "America/New_York"
WRONG_TIMES = ["yesterday", "2013-01-07T10:00:00", "2013-13-07T10:00:00Z", "", "12", "2013-01-07"]
MOMENTS = st.integers(-(2**31), 2**32).map(lambda second: datetime.fromtimestamp(second, UTC))
OFFSETS = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
ZONES = st.sampled_from([NEW_YORK, "UTC", "Asia/Kolkata", "Pacific/Auckland", "Europe/Berlin"])


@given(st.lists(st.tuples(MOMENTS, OFFSETS), max_size=6), ZONES)
@settings(deadline=None, max_examples=150)
def test_local_dates_are_those_of_the_zone_however_the_time_is_written(moments, zone):
    written = [moment.astimezone(timezone(offset)).isoformat() for moment, offset in moments]
    expected = [moment.astimezone(ZoneInfo(zone)).date().isoformat() for moment, _ in moments]
    assert local_dates(pd.Series(written, dtype=object), zone).tolist() == expected
    stamps = pd.Series([moment for moment, _ in moments], dtype="datetime64[us, UTC]")
    assert local_dates(stamps, zone).tolist() == expected
    assert local_dates(stamps.dt.tz_convert("Asia/Tokyo"), zone).tolist() == expected


def test_a_time_without_a_zone_has_no_date():
    times = pd.Series([*WRONG_TIMES, None, "2013-01-08T04:59:59Z"], index=range(5, 13))
    expected = pd.Series([None] * 7 + ["2013-01-07"], index=range(5, 13), dtype=object)
    pd.testing.assert_series_equal(local_dates(times, NEW_YORK), expected)
    naive = pd.Series([pd.Timestamp("2013-01-07")])
    assert local_dates(naive, NEW_YORK).tolist() == [None]
