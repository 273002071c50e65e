"""What is known of a flight at its scheduled departure."""

from __future__ import annotations

import pandas as pd

from include.feature_sets import FeatureSet

features = FeatureSet()


@features.row(kind="category", inputs=["carrier"], description="airline")
def carrier(rows: pd.DataFrame) -> pd.Series:
    return rows["carrier"]


@features.row(kind="category", inputs=["origin"], description="airport of departure")
def origin(rows: pd.DataFrame) -> pd.Series:
    return rows["origin"]


@features.row(kind="category", inputs=["dest"], description="airport of arrival")
def destination(rows: pd.DataFrame) -> pd.Series:
    return rows["dest"]


@features.row(kind="number", inputs=["distance"], low=0, high=6000, description="miles", unit="miles")
def distance(rows: pd.DataFrame) -> pd.Series:
    return rows["distance"].astype("float64")


@features.row(
    kind="number",
    inputs=["hour", "minute"],
    low=0,
    high=1500,
    description="scheduled departure, minutes of the day",
    unit="minutes of the day",
)
def departure_minute(rows: pd.DataFrame) -> pd.Series:
    return (rows["hour"] * 60 + rows["minute"]).astype("float64")


@features.row(
    kind="number",
    inputs=["sched_arr_time"],
    low=0,
    high=1440,
    description="scheduled arrival, local minutes",
    unit="minutes of the day",
)
def arrival_minute(rows: pd.DataFrame) -> pd.Series:
    return (rows["sched_arr_time"] // 100 * 60 + rows["sched_arr_time"] % 100).astype("float64")


@features.row(
    kind="number",
    inputs=["origin", "hour"],
    low=1,
    high=200,
    description="flights planned there in the same hour",
    unit="flights",
    scope="batch",
    online="may_be_missing",
)
def flights_in_hour(rows: pd.DataFrame) -> pd.Series:
    return rows.groupby(["origin", "hour"])["origin"].transform("size").astype("float64")


for _name, _column, _low, _high, _unit in [
    ("wind_speed", "wind_speed", 0, 150, "mph"),
    ("precipitation", "precip", 0, 10, "inches in the hour"),
    ("visibility", "visib", 0, 10, "miles"),
]:
    features.joined(
        name=_name,
        kind="number",
        table="weather",
        column=_column,
        by=("origin",),
        time="time_hour",
        lead_minutes=60,
        tolerance_minutes=240,
        low=_low,
        high=_high,
        description=f"at the airport of departure, {_unit}",
        unit=_unit,
    )
