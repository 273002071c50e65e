"""The features of one request: from the online store, and by a pandas build of the same row, side by side.

Real flights of four weeks and features of all three kinds. The pandas build is given its side table and daily
sums ready in memory, while the request reads its state from the store. By hand means the bare minimum in
pandas: the definitions on a frame of one row and one merge_asof; nothing of the past, no types, no checks.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import SecretStr

from bench.table import Row, publish
from cli.landing import land_flights
from include import partitions
from include.feature_sets import FeatureSet, load_features
from include.features.building import build_features
from include.features.history import daily_aggregates, wanted_of
from include.features.online import OnlineFeatures, materialise, open_online_store
from include.settings import Settings
from include.use_case import UseCase
from include.workspace import Workspace
from tests.servers import redis_server

_FIRST, _LAST = "2013-03-01", "2013-03-28"
_REQUESTS = 600
_BUILDS = 40
_PAST = (
    ("late_carrier_7", ("carrier",), 7, "mean", "label"),
    ("late_carrier_28", ("carrier",), 28, "mean", "label"),
    ("late_there_7", ("origin", "hour"), 7, "mean", "label"),
    ("late_there_28", ("origin", "hour"), 28, "mean", "label"),
    ("flights_there_1", ("origin", "hour"), 1, "count", ""),
)


def _features(use_case: UseCase, workspace: Workspace) -> FeatureSet:
    features = load_features(use_case, workspace.settings)
    for name, by, days, measure, value in () if features.of_history else _PAST:
        features.history(
            name=name,
            kind="number",
            by=by,
            window_days=days,
            measure=measure,
            value=value,
            description="past",
        )
    return features


def _publish(workspace: Workspace) -> None:
    """Publish what lands without its checks, which take longer than all the rest."""
    land_flights(workspace.settings.landing, _FIRST, _LAST)
    for day in partitions.span(_FIRST, _LAST):
        for table, folder in (("batches", "flights"), ("side_weather", "weather")):
            rows = pd.read_parquet(Path(workspace.settings.landing, folder, f"{day}.parquet"))
            known = rows.assign(known_at=partitions.available_at(day))
            workspace.lake.write_partition("flights", table, day, known, source_hash="", contract_hash="")


def _milliseconds(work: Callable[[Any], object], given: list[Any]) -> np.ndarray[Any, Any]:
    """Return how long each piece took; the first ones warm up and are left out."""
    for one in given[:20]:
        work(one)
    found = []
    for one in given:
        start = time.perf_counter()
        work(one)
        found.append((time.perf_counter() - start) * 1000)
    return np.array(found)


def _by_hand(features: FeatureSet, weather: pd.DataFrame) -> Callable[[pd.DataFrame], object]:
    side = weather.assign(_at=pd.to_datetime(weather["time_hour"], utc=True)).sort_values("_at")
    tolerance = pd.Timedelta(minutes=240)

    def build(row: pd.DataFrame) -> object:
        own = [
            feature.build(row[list(feature.inputs)]) for feature in features.of_rows if feature.scope == "row"
        ]
        left = row[["origin"]].assign(
            _at=pd.to_datetime(row["time_hour"], utc=True) - pd.Timedelta(minutes=60)
        )
        return own, pd.merge_asof(left, side, on="_at", by="origin", tolerance=tolerance)

    return build


def _stores(folder: str, redis_url: str) -> dict[str, str]:
    return {"SQLite": f"sqlite:///{folder}/bench.db", "Redis": redis_url}


def _measured(workspace: Workspace, redis_url: str) -> list[Row]:
    use_case = workspace.use_case("flights")
    features, lake = _features(use_case, workspace), workspace.lake
    batch = lake.read("flights", "batches", partitions=[_LAST])
    columns = [name for name in use_case.contract.columns if name not in use_case.forbidden_features]
    plain = batch[columns].astype(object).where(batch[columns].notna(), None).to_dict("records")  # type: ignore[call-overload]
    requests = plain[:_REQUESTS]
    days = partitions.span(_FIRST, partitions.shift(_LAST, -1))
    sums = daily_aggregates(
        use_case, wanted_of(features.of_history), lake.read("flights", "batches", partitions=days)
    )
    weather = {"weather": lake.read("flights", "side_weather", partitions=[days[-1], _LAST])}
    one_rows = [batch.iloc[[place]] for place in range(_BUILDS)]
    answers: dict[str, np.ndarray[Any, Any]] = {}
    build = _milliseconds(lambda row: build_features(use_case, features, row, weather, sums), one_rows)
    for name, url in _stores(str(workspace.settings.home), redis_url).items():
        settings = workspace.settings.model_copy(update={"online_store_url": SecretStr(url)})
        with closing(open_online_store(settings)) as store:
            materialise(use_case, features, _LAST, lake=lake, store=store)
            answers[name] = _milliseconds(OnlineFeatures(use_case, features, store), requests)
    by_hand = _milliseconds(_by_hand(features, weather["weather"]), one_rows)
    # The machine may have become slower or faster since: the build is measured on both sides of the requests.
    again = _milliseconds(lambda row: build_features(use_case, features, row, weather, sums), one_rows)
    build = np.concatenate([build, again])
    rows = [
        Row("features of one row", len(features.names), "features"),
        Row("pandas build of one row, p50", float(np.median(build)), "ms"),
        Row("pandas build of one row, p99", float(np.quantile(build, 0.99)), "ms"),
        Row("pandas by hand for one row, p50", float(np.median(by_hand)), "ms"),
    ]
    for name, taken in answers.items():
        rows += [
            Row(f"one request from {name}, p50", float(np.median(taken)), "ms"),
            Row(f"one request from {name}, p99", float(np.quantile(taken, 0.99)), "ms"),
            Row(f"{name} / pandas build, p50", float(np.median(taken) / np.median(build)), "x", 0.1),
            Row(f"{name} / pandas by hand, p50", float(np.median(taken) / np.median(by_hand)), "x"),
        ]
    return rows


def main() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as home, redis_server() as redis_url:
        workspace = Workspace(Settings(home=Path(home), _env_file=None))  # type: ignore[call-arg]
        _publish(workspace)
        publish("online", _measured(workspace, redis_url))


if __name__ == "__main__":
    main()
