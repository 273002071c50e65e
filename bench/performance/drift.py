"""Drift of a large batch against a kept profile, beside Evidently; and what longer history costs."""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from bench.table import Row, publish
from include import partitions
from include.lake import Lake
from include.monitoring.drift import days_needed, drift_rank
from include.stats.profile import profile_frame
from include.stats.two_sample import two_sample
from include.use_case_sections import Drift

SEED = 20130101
_ROWS = 1_000_000
_NUMBERS = ["n1", "n2", "n3", "n4", "n5"]
_CATEGORIES = ["c1", "c2", "c3"]
_SAMPLE_ROWS = 2000
_POLICY = Drift()
_HISTORIES = (150, 600)


def _batch(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {name: random.normal(k, 1 + k, rows) for k, name in enumerate(_NUMBERS)}
    for k, name in enumerate(_CATEGORIES):
        columns[name] = np.array([f"level {level}" for level in range(4 * (k + 1))], dtype=object)[
            random.integers(0, 4 * (k + 1), rows)
        ]
    return pd.DataFrame(columns)


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _profiled(rows: pd.DataFrame, day: str) -> pd.DataFrame:
    return profile_frame(rows, numbers=_NUMBERS, categories=_CATEGORIES).assign(partition=day)


def _history(days: int) -> list[pd.DataFrame]:
    return [_profiled(_batch(500, day), partitions.shift("2013-01-01", day)) for day in range(days)]


def _evidently(reference: pd.DataFrame, current: pd.DataFrame) -> object:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=_NUMBERS, categorical_columns=_CATEGORIES)
    sides = [Dataset.from_pandas(side, data_definition=definition) for side in (current, reference)]
    return Report([DataDriftPreset()]).run(*sides)


def _side_by_side() -> list[Row]:
    reference, current = _batch(_ROWS, 1), _batch(_ROWS, 2)
    past = pd.concat(_history(days_needed(_POLICY)))
    today = partitions.shift("2013-01-01", days_needed(_POLICY))
    profiling = _seconds(lambda: _profiled(current, today))
    tracemalloc.start()
    _profiled(current, today)
    grown = tracemalloc.get_traced_memory()[1] / 1024**2
    tracemalloc.stop()
    both = pd.concat([past, _profiled(current, today)])
    ranking = _seconds(lambda: drift_rank(both, today, _POLICY))
    sampled = [rows.sample(_SAMPLE_ROWS, random_state=SEED) for rows in (reference, current)]
    testing = _seconds(lambda: two_sample(*sampled, numbers=_NUMBERS, categories=_CATEGORIES, seed=SEED))
    theirs = _seconds(lambda: _evidently(reference, current))
    sampled_report = _seconds(lambda: _evidently(*sampled))
    ours = profiling + ranking
    return [
        Row("1,000,000 rows x 8 columns: profile of the batch", profiling, "s CPU"),
        Row("1,000,000 rows x 8 columns: memory that the profile adds", grown, "MB", 500),
        Row(f"its rank among {_POLICY.max_history} days", ranking, "s CPU"),
        Row("two-sample rule on 2,000 rows of each side", testing, "s CPU"),
        Row("Evidently's DataDriftPreset on all rows", theirs, "s CPU"),
        Row("Evidently's DataDriftPreset on 2,000 rows of each side", sampled_report, "s CPU"),
        Row("profile and rank / Evidently on all rows", ours / theirs, "x", 0.05),
    ]


def _by_history() -> list[Row]:
    """Read and rank the newest day of a short and of a long history."""
    found = []
    for days in _HISTORIES:
        with tempfile.TemporaryDirectory() as folder:
            lake, last = Lake(str(Path(folder, "lake"))), partitions.shift("2013-01-01", days - 1)
            for day, profile in enumerate(_history(days)):
                key = partitions.shift("2013-01-01", day)
                rows = profile.drop(columns="partition").assign(known_at=partitions.available_at(key))
                lake.write_partition("bench", "feature_profiles", key, rows, source_hash="", contract_hash="")
            needed = partitions.span(partitions.shift(last, -days_needed(_POLICY)), last)

            def watch(lake: Lake = lake, needed: list[str] = needed, last: str = last) -> None:
                drift_rank(lake.read("bench", "feature_profiles", partitions=needed), last, _POLICY)

            watch()
            found.append(min(_seconds(watch) for _ in range(5)))
    short, long = found
    return [
        Row(f"read and rank with {_HISTORIES[0]} days of history", short, "s CPU"),
        Row(f"read and rank with {_HISTORIES[1]} days of history", long, "s CPU"),
        Row("four times the history / the history: read and rank", long / short, "x", 1.3),
    ]


def main() -> None:
    """Measure and publish."""
    publish("drift", [*_side_by_side(), *_by_history()])


if __name__ == "__main__":
    main()
