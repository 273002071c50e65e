"""A small use case of its own, with its files landed: quick enough to be replayed day by day.

Trips are late the more seats they have. From the eleventh day on the seats are counted otherwise, so that
the champion's loss rises and monitoring marks the days.
"""

from __future__ import annotations

import copy
from datetime import date

import numpy as np
import pandas as pd
import pytest
import yaml

from include import partitions
from include.settings import Settings
from include.simulation.history import prepare
from include.simulation.policy import read_policy
from include.simulation.replay import Replay, SimulatedWorkspace
from include.workspace import Workspace

FIRST, LAST = "2013-01-01", "2013-01-22"
REFUSED = "2013-01-09"
FEATURES = """
from include.feature_sets import FeatureSet

features = FeatureSet()


@features.row(kind="category", inputs=["station"], description="where it leaves")
def station(rows):
    return rows["station"]


@features.row(kind="number", inputs=["seats"], description="seats")
def seats(rows):
    return rows["seats"]
"""


@pytest.fixture(scope="session")
def declared_trips():
    from tests.include.trips import TRIPS

    content = copy.deepcopy(TRIPS)
    content["source"]["side_tables"] = {}
    content["source"]["end_date"] = date(2013, 12, 31)
    content["training"] = {
        "window_days": 28,
        "holdout_days": 3,
        "min_training_partitions": 3,
        "min_holdout_partitions": 3,
        "model": {"kind": "gradient_boosting", "max_iter": 10},
        "report": "none",
        "fresh_process": False,
    }
    content["evaluation"] = {
        "gates": [{"kind": "floor", "metric": "roc_auc", "min": 0.5}],
        "min_rows": 100,
    }
    content["monitoring"] = {
        "performance": {"window_days": 4, "min_days": 2, "alpha": 0.1},
        "retraining": {"violations": 2, "of_last": 3, "cool_down_days": 3, "outcome_days": 3},
        "report": False,
    }
    return content


@pytest.fixture(scope="session")
def trips_home(declared_trips, heavy_imports, tmp_path_factory):
    """A home with the declaration and the landed files, and nothing else."""
    home = tmp_path_factory.mktemp("trips")
    folder = home / "use_cases" / "trips"
    folder.mkdir(parents=True)
    (folder / "use_case.yaml").write_text(yaml.safe_dump(declared_trips), encoding="utf-8")
    (folder / "features.py").write_text(FEATURES, encoding="utf-8")
    (home / "landing" / "trips").mkdir(parents=True)
    random = np.random.default_rng(1)
    for index, day in enumerate(partitions.span(FIRST, LAST)):
        if day != REFUSED:
            rows = _rows(day, index, random)
            rows.to_parquet(home / "landing" / "trips" / f"{day}.parquet", index=False)
    return home


def _rows(day: str, index: int, random: np.random.Generator) -> pd.DataFrame:
    count, turned = 150, index >= 14
    seats = random.normal(50, 10, count)
    late = random.random(count) < 1 / (1 + np.exp((1 if turned else -1) * (seats - 50) / 5))
    return pd.DataFrame(
        {
            "trip": np.arange(count),
            "station": random.choice(["north", "south"], count),
            "leaves": pd.Timestamp(f"{day}T12:00:00", tz="America/New_York"),
            "seats": seats,
            "delay": np.where(late, 40.0, 0.0),
            "arrived": 1.0,
        }
    )


@pytest.fixture(scope="session")
def trips_settings(trips_home, tmp_path_factory):
    """Settings of an empty installation that reads these files."""
    return Settings(
        _env_file=None,
        home=tmp_path_factory.mktemp("installation"),
        use_cases_dir=trips_home / "use_cases",
        landing_url=str(trips_home / "landing"),
    )


@pytest.fixture(scope="session")
def replayed(trips_settings, tmp_path_factory):
    """The declared policy, replayed over all days."""
    use_case = Workspace(trips_settings).use_case("trips")
    history = prepare(use_case, FIRST, LAST, settings=trips_settings, progress=lambda day: None)
    workspace = SimulatedWorkspace(tmp_path_factory.mktemp("simulated"), history, trips_settings)
    replay = Replay(read_policy("declared", use_case), history, workspace)
    for _ in replay.run():
        pass
    return replay
