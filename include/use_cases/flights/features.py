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

# What is known of the past. A flight's own record says most; at the start of a history it is null.
for _name, _by, _window, _value, _few, _description in [
    ("flight_late_share", ("carrier", "flight"), 28, "label", 5, "late share of this flight, 28 days"),
    ("flight_delay", ("carrier", "flight"), 28, "arr_delay", 5, "mean delay of this flight, 28 days"),
    (
        "route_late_share",
        ("origin", "dest", "hour"),
        28,
        "label",
        5,
        "late share of this route and hour, 28 days",
    ),
    ("destination_late_share", ("dest",), 1, "label", 3, "late share to this airport, the day before"),
]:
    features.history(
        name=_name,
        kind="number",
        by=_by,
        window_days=_window,
        measure="mean",
        value=_value,
        min_values=_few,
        max_null_share=1.0,
        low=-120 if _value == "arr_delay" else 0,
        high=3000 if _value == "arr_delay" else 1,
        description=_description,
        unit="minutes" if _value == "arr_delay" else "share",
    )

features.history(
    name="flights_in_hour",
    kind="number",
    by=("origin", "hour"),
    window_days=7,
    measure="count",
    low=0,
    high=1400,
    description="flights from there in the same hour, past 7 days",
    unit="flights",
)
