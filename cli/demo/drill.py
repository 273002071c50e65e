"""A fire drill: an upstream change that passes every contract and that only monitoring can see.

The eight weeks of the replay hold no lasting drift, so nothing would ever order a training in them. The drill
moves the whole timetable of the days after them four hours later, as if the airports had changed their hours.
"""

from __future__ import annotations

import io

import pandas as pd

from include.storage import ObjectStore
from include.use_case import UseCase

SHIFT_HOURS = 4
_LAST_HOUR = 23


def retime(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the flights of one day, those that stay within the day moved four hours later."""
    moved = flights["hour"] + SHIFT_HOURS <= _LAST_HOUR
    later = flights.copy()
    later.loc[moved, "hour"] += SHIFT_HOURS
    later.loc[moved, "sched_dep_time"] += SHIFT_HOURS * 100
    arrival = later.loc[moved, "sched_arr_time"]
    later.loc[moved, "sched_arr_time"] = (arrival + SHIFT_HOURS * 100) % 2400
    times = pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(moved * SHIFT_HOURS, unit="h")
    later["time_hour"] = times.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return later


def alter(use_case: UseCase, days: tuple[str, ...], landing: ObjectStore) -> None:
    """Replace the landed files of some days by retimed ones."""
    for day in days:
        key = f"{use_case.name}/{day}.parquet"
        flights = pd.read_parquet(io.BytesIO(landing.get(key)))
        buffer = io.BytesIO()
        retime(flights).to_parquet(buffer, index=False)
        landing.put(key, buffer.getvalue())
