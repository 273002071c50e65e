"""Small made-up days for the kinds of problems that flights are not."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from include import partitions
from include.feature_sets import load_features
from include.problems import kind_of
from include.use_case import UseCase

DAYS = partitions.span("2013-01-01", "2013-01-12")
AS_OF = "2013-01-13"
ROWS = 60
FEATURES = """
from include.feature_sets import FeatureSet

features = FeatureSet()


@features.row(kind="number", inputs=["size"], description="size")
def size(rows):
    return rows["size"]


@features.row(kind="number", inputs=["other"], description="something else")
def other(rows):
    return rows["other"]


@features.row(kind="category", inputs=["shop"], description="where")
def shop(rows):
    return rows["shop"]
"""
PROBLEMS = {
    "binary": {"kind": "binary"},
    "multiclass": {"kind": "multiclass", "classes": ["cat", "dog", "eel"]},
    "regression": {"kind": "regression", "unit": "minutes"},
    "count": {"kind": "count", "unit": "parcels"},
}


def outcome(kind: str, size: np.ndarray, random: np.random.Generator) -> np.ndarray:
    noisy = size + random.normal(0, 1.0, len(size))
    match kind:
        case "binary":
            return (noisy > 0).astype(int)
        case "multiclass":
            return np.where(noisy < -0.6, "cat", np.where(noisy < 0.6, "dog", "eel")).astype(object)
        case "regression":
            return 10 + 4 * noisy
    return random.poisson(np.exp(0.5 * size)).astype("float64")


def declared(kind: str, **sections: dict) -> UseCase:
    columns = {name: {"type": "number"} for name in ("size", "other", "value")}
    if kind == "multiclass":
        columns["value"] = {"type": "string"}
    content = {
        "name": "made",
        "title": "Made up",
        "owner": "tests",
        "problem": {"question": "?", "key": ["id"], **PROBLEMS[kind]},
        "source": {
            "kind": "parquet",
            "path": "made/{partition}.parquet",
            "event_time": "at",
            "timezone": "UTC",
            "start_date": partitions.parse(DAYS[0]),
        },
        "labels": {"kind": "column", "column": "value"},
        "contract": {
            "columns": {
                "id": {"type": "integer"},
                "at": {"type": "timestamp"},
                "shop": {"type": "string"},
                **columns,
            }
        },
        **sections,
    }
    content["training"] = {
        "holdout_days": 4,
        "min_training_partitions": 5,
        "model": {"kind": "gradient_boosting", "max_iter": 20, "min_samples_leaf": 10},
        "report": "none",
        "fresh_process": False,
        **sections.get("training", {}),
    }
    return UseCase.model_validate(content)


def write_day(workspace, use_case: UseCase, day: str, *, shift: float = 0.0, seed: int | None = None) -> None:
    """Publish features, labels and batch of a day as the stages before do."""
    random = np.random.default_rng(partitions.parse(day).toordinal() if seed is None else seed)
    size = random.normal(shift, 1.0, ROWS)
    known = [partitions.parse(day) + timedelta(days=1)] * ROWS
    rows = pd.DataFrame(
        {
            "row_key": [f"{day}-{index}" for index in range(ROWS)],
            "event_time": pd.Timestamp(day, tz="UTC") + pd.to_timedelta(np.arange(ROWS), unit="min"),
            "size": size,
            "other": random.normal(size=ROWS),
            "shop": random.choice(["north", "south"], ROWS),
            "known_at": known,
        }
    )
    kind = kind_of(use_case.problem)
    value = pd.Series(outcome(kind.name, size, random))
    version = load_features(use_case, workspace.settings).version
    tables = {
        "features": rows.assign(feature_set_version=version),
        "labels": rows[["row_key", "known_at"]].assign(label=kind.typed(value)),
        "batches": rows[["size", "other", "shop", "known_at"]].assign(id=np.arange(ROWS), value=value),
    }
    for table, content in tables.items():
        workspace.lake.write_partition("made", table, day, content, source_hash="s", contract_hash=version)


@pytest.fixture(scope="session")
def prepared(heavy_imports, open_home, tmp_path_factory):
    """Return a function that gives the home of a kind with its days, and MLflow's tables: made once."""
    folder = tmp_path_factory.mktemp("prepared")
    features = folder / "use_cases" / "made"
    features.mkdir(parents=True)
    (features / "features.py").write_text(FEATURES)
    open_home(folder).registry.client.search_experiments()

    def prepare(kind: str) -> Path:
        home = folder / kind
        if not home.is_dir():
            workspace = open_home(home, use_cases_dir=features.parent)
            for day in DAYS:
                write_day(workspace, declared(kind), day)
            shutil.copytree(folder / "mlflow", home / "mlflow")
        return home

    return prepare


@pytest.fixture
def made(prepared, open_home, tmp_path):
    """Return a function that makes a home with twelve days of a kind of problem."""

    def make(kind: str, **sections: dict) -> SimpleNamespace:
        home = tmp_path / "home"
        shutil.copytree(prepared(kind), home)
        folder = tmp_path / "use_cases" / "made"
        folder.mkdir(parents=True)
        (folder / "features.py").write_text(FEATURES)
        workspace = open_home(home, use_cases_dir=folder.parent)
        use_case = declared(kind, **sections)
        return SimpleNamespace(
            workspace=workspace,
            use_case=use_case,
            as_of=AS_OF,
            folder=folder,
            changed=lambda **others: declared(kind, **{**sections, **others}),
            write_day=lambda day, **how: write_day(workspace, use_case, day, **how),
        )

    return make
