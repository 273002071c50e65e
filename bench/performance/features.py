"""Building 60 days of flights with all kinds of features, against two ways of doing it by hand.

All read the same lake. *Re-reading* takes, for each day, the rows of the days before once more, as a job does
that keeps no sums: all of them, as it must where nothing bounds the window, or those of the window. It calls
our own functions, so that only the way differs. *By hand* is a script in pandas
that computes the same columns for all days in one pass: no versions, no checks, no guard against the future,
no profiles, no ledger, one table. The last rows build one day with a short and with a long history behind it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from bench.table import Row, publish
from cli.landing import land_flights
from include import partitions
from include.feature_kinds import HistoryFeature
from include.feature_sets import FeatureSet, load_features
from include.features.assembling import assemble
from include.features.assembling import publish as publish_features
from include.features.gathering import Material, longest_window
from include.features.history import daily_aggregates, wanted_of
from include.features.rebuilding import rebuild
from include.features.stage import build, decide_on
from include.lake import Lake
from include.settings import Settings
from include.use_case import UseCase
from include.workspace import Workspace

_FIRST, _DAYS = "2013-07-01", 60
_LAND_FROM = "2013-01-01"
_SAMPLED = 6  # one of so many days is built by re-reading, and counted so often
_HISTORIES = (30, 300)
_REPEATED = 5


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _published(folder: str, last: str) -> Workspace:
    """Publish flights and weather as ingestion would, without its checks and in one commit."""
    workspace = Workspace(Settings(_env_file=None, home=Path(folder)))
    days = partitions.span(_LAND_FROM, last)
    land_flights(workspace.settings.landing, days[0], days[-1])
    for table, lake_table in (("flights", "batches"), ("weather", "side_weather")):
        parts = [
            pd.read_parquet(path).assign(partition=day, known_at=partitions.available_at(day))
            for day in days
            if (path := Path(workspace.settings.landing, table, f"{day}.parquet")).is_file()
        ]
        rows = pd.concat(parts, ignore_index=True)
        hashes = {str(day): f"file of {day}" for day in rows["partition"].unique()}
        workspace.lake.write_partitions(
            "flights", lake_table, rows, source_hashes=hashes, contract_hash="bench"
        )
    return workspace


@dataclass(frozen=True)
class _Rereading(Material):
    """What a job without daily sums takes for one day: the rows of so many days before it, once more."""

    back: int = 0

    @cached_property
    def aggregates(self) -> pd.DataFrame:
        days = partitions.span(partitions.shift(self.days[0], -self.back), partitions.shift(self.days[0], -1))
        rows = self.lake.read("flights", "batches", partitions=days)
        return daily_aggregates(self.use_case, self.wanted, rows)


def _reread(use_case: UseCase, features: FeatureSet, day: str, workspace: Workspace, back: int) -> None:
    """Build, check and publish one day, as `build` does."""
    wanted = wanted_of(features.of_history)
    material = _Rereading(use_case, features, wanted, [day], workspace.lake, back=back)
    assembled = assemble(material)
    decide_on(use_case, assembled, [day], actor="bench", ledger=workspace.ledger)
    publish_features(use_case, assembled, [day], workspace.lake)


def _by_hand(features: FeatureSet, lake: Lake, target: str) -> pd.DataFrame:
    """Compute the same columns for all days at once, as one would in a notebook."""
    from deltalake import DeltaTable, write_deltalake

    first = partitions.shift(_FIRST, -longest_window(features.of_history))
    window = [("partition", ">=", first)]
    rows = DeltaTable(lake.uri("flights", "batches")).to_pandas(partitions=window)
    weather = DeltaTable(lake.uri("flights", "side_weather")).to_pandas(partitions=window)
    rows["late"] = (rows["arr_delay"] > 15).astype("float64").where(rows["arr_delay"].notna())
    rows["event_time"] = pd.to_datetime(rows["time_hour"], utc=True)
    found = rows[rows["partition"] >= _FIRST].sort_values("event_time")
    found = found.assign(
        destination=found["dest"],
        departure_minute=found["hour"] * 60 + found["minute"],
        arrival_minute=found["sched_arr_time"] // 100 * 60 + found["sched_arr_time"] % 100,
        at=found["event_time"] - pd.Timedelta(minutes=60),
    )
    weather["at"] = pd.to_datetime(weather["time_hour"], utc=True)
    weather = weather.rename(columns={"precip": "precipitation", "visib": "visibility"})
    found = pd.merge_asof(
        found,
        weather.sort_values("at")[["at", "origin", "wind_speed", "precipitation", "visibility"]],
        on="at",
        by="origin",
        tolerance=pd.Timedelta(minutes=240),
    )
    for feature in features.of_history:
        found = found.merge(_rolled(feature, rows), on=["partition", *feature.by], how="left")
    key = ["year", "month", "day", "carrier", "flight", "origin"]
    found["row_key"] = found[key].astype(str).agg("|".join, axis=1)
    found = found[["partition", "row_key", "event_time", *features.names, "late"]]
    write_deltalake(target, found, mode="overwrite", partition_by=["partition"])
    return found


def _rolled(feature: HistoryFeature, rows: pd.DataFrame) -> pd.DataFrame:
    value = "late" if feature.value == "label" else feature.value or "year"
    daily = rows.groupby([*feature.by, "partition"])[value].agg(["sum", "count"])
    days = sorted(rows["partition"].unique())
    wide = daily.unstack("partition", fill_value=0).astype("float64")
    window = {
        name: wide[name]
        .reindex(columns=days, fill_value=0.0)
        .T.rolling(feature.window_days, min_periods=1)
        .sum()
        for name in ("sum", "count")
    }
    count = window["count"].shift(1)
    values = count
    if feature.measure != "count":
        total = window["sum"].shift(1)
        values = (total / count if feature.measure == "mean" else total).where(count >= feature.min_values)
    long: pd.Series = values.T.stack()
    return long.rename(feature.name).reset_index()


def _agreement(ours: pd.DataFrame, other: pd.DataFrame, names: list[str]) -> float:
    """Return the largest difference in any number; the columns must mean the same to be compared."""
    both = ours.set_index("row_key")[names].sort_index(), other.set_index("row_key")[names].sort_index()
    return float(np.nanmax((both[0] - both[1]).abs().to_numpy()))


def _side_by_side() -> list[Row]:
    days = partitions.span(_FIRST, partitions.shift(_FIRST, _DAYS - 1))
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        workspace, elsewhere = _published(folder, days[-1]), _published(other, days[-1])
        lake, use_case = workspace.lake, workspace.use_case("flights")
        features = load_features(use_case, workspace.settings)
        # Each way once before it is measured: libraries are imported when they are first needed.
        rebuild(use_case, days[:2], actor="bench", workspace=elsewhere)
        _by_hand(features, lake, str(Path(folder, "warm")))
        ours = _cpu(lambda: rebuild(use_case, days, actor="bench", workspace=workspace))
        again = _cpu(lambda: rebuild(use_case, days, actor="bench", workspace=workspace))
        hand = _cpu(lambda: _by_hand(features, lake, str(Path(folder, "hand"))))
        reread, all_history = (
            _SAMPLED
            * sum(
                _cpu(lambda day=day, back=back: _reread(use_case, features, day, elsewhere, back))  # type: ignore[misc]
                for day in days[::_SAMPLED]
                for back in [window or len(partitions.span(_LAND_FROM, day)) - 1]
            )
            for window in (longest_window(features.of_history), 0)
        )
        built = lake.read("flights", "features", partitions=days)
        apart = _agreement(built, _by_hand(features, lake, str(Path(folder, "check"))), features.numbers)
    return [
        Row(f"rebuild of {_DAYS} days, {len(features.names)} features of {len(built):,} rows", ours, "s CPU"),
        Row("the same again, when nothing has changed", again, "s CPU"),
        Row("by hand in pandas, one pass, nothing checked", hand, "s CPU"),
        Row(f"day by day, the window re-read (every {_SAMPLED}th day measured)", reread, "s CPU"),
        Row(f"day by day, all history since {_LAND_FROM} re-read", all_history, "s CPU"),
        Row("largest difference between ours and by hand", apart, "", 1e-9),
        Row("ours / by hand", ours / hand, "x", 2.0),
        Row("ours / the window re-read", ours / reread, "x"),
        Row("ours / history re-read", ours / all_history, "x", 0.05),
    ]


def _by_history() -> list[Row]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = _published(folder, partitions.shift(_LAND_FROM, _HISTORIES[-1] + _REPEATED))
        use_case = workspace.use_case("flights")
        for days in _HISTORIES:
            first = partitions.shift(_LAND_FROM, days - 2)
            rebuild(use_case, partitions.span(_LAND_FROM, first), actor="bench", workspace=workspace)
            some = partitions.span(partitions.shift(first, 1), partitions.shift(first, _REPEATED))
            costs = [
                _cpu(lambda day=day: build(use_case, day, actor="bench", workspace=workspace)) for day in some
            ]  # type: ignore[misc]
            found.append(float(np.median(costs)))
    short, long = found
    return [
        Row(f"one day's build, day {_HISTORIES[0]}", short, "s CPU"),
        Row(f"one day's build, day {_HISTORIES[1]}", long, "s CPU"),
        Row("ten times the history / the history: one day's build", long / short, "x", 1.3),
    ]


def main() -> None:
    """Measure and publish."""
    publish("features", [*_side_by_side(), *_by_history()])


if __name__ == "__main__":
    main()
