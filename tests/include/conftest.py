"""Homes that are prepared once and copied by the tests that change them.

`featured` holds three weeks of real flights with their features; `championed` has a champion on top, and the
days since then scored. What they hold is the work of the stages themselves.
"""

from __future__ import annotations

import copy
import importlib
import os
import shutil
import sqlite3
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from cli.landing import land_flights
from include import partitions
from include.settings import Settings
from include.use_case import UseCase
from include.workspace import Workspace
from tests.include.trips import TRIPS
from tests.sharing import shared

if TYPE_CHECKING:
    from include.training.stage import TrainedRun

# Waiting threads that spin make every fit many times slower where the cores are shared.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
FIRST, LAST = "2013-01-01", "2013-01-20"
AS_OF, LATER = "2013-01-14", "2013-01-17"
EASY = {"evaluation.gates": [{"kind": "floor", "metric": "roc_auc", "min": 0.5, "alpha": 0.05}]}
# Trees are fitted, stored, checked and asked one by one; a few tell late from punctual flights as well.
QUICK = {"training.model.max_iter": 20, "training.model.learning_rate": 0.2}
# MLflow keeps full addresses; without this a copy would write into its original.
_ADDRESSES = (
    "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)",
    "UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)",
    "UPDATE logged_models SET artifact_location = replace(artifact_location, ?, ?)",
    "UPDATE model_versions SET storage_location = replace(storage_location, ?, ?)",
)


# What libraries warn of in their own code, with whoever could mend it.
_OTHERS_WARNINGS = [
    # MLflow's table models, under SQLAlchemy 2.1.
    "ignore:The ``noload`` loader strategy is deprecated:sqlalchemy.exc.SADeprecationWarning",
]


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in _OTHERS_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def heavy_imports():
    """Import the heavy libraries once: what they warn of while they are imported is theirs to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("great_expectations.expectations", "mlflow.pyfunc", "mlflow.sklearn", "evidently"):
            importlib.import_module(name)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside():
    """Take away what the surroundings say about an installation, and keep libraries from reporting home."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("AIRLOCK_", "MLFLOW_")):
                patch.delenv(name)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("DO_NOT_TRACK", "1")
        yield


def opened(home: Path, **settings: object) -> Workspace:
    return Workspace(Settings(home=home, _env_file=None, **settings))


@pytest.fixture(scope="session")
def featured_home(heavy_imports, tmp_path_factory):
    from include.features.stage import build

    def fill(home: Path) -> None:
        workspace = opened(home)
        use_case = workspace.use_case("flights")
        land_flights(workspace.settings.landing, FIRST, LAST)
        for day in partitions.span(FIRST, LAST):
            _publish(use_case, day, workspace)
            build(use_case, day, actor="tests", workspace=workspace)
        # The tables of an empty MLflow take seconds to make; every copy gets them ready.
        workspace.registry.client.search_experiments()

    return shared(tmp_path_factory, "featured-home", fill)


def _publish(use_case: UseCase, day: str, workspace: Workspace) -> None:
    """Publish what landed as ingestion does, without its checks: they would take longer than all the rest."""
    from include.ingestion.publishing import publish
    from include.ingestion.quarantine import split
    from include.ingestion.sources import stage_delivery

    with tempfile.TemporaryDirectory() as folder:
        delivery = stage_delivery(use_case, day, workspace, Path(folder))
        tables = {name: split(rows, None, [], Path(folder)) for name, rows in delivery.tables.items()}
        publish(use_case, day, tables, delivery.hashes, workspace.lake)


@pytest.fixture(scope="session")
def championed_home(featured_home, flying, tmp_path_factory):
    from include.scoring.stage import score

    def fill(home: Path) -> None:
        workspace = opened(_copied(featured_home, home))
        promoted(flying, AS_OF, workspace)
        for day in partitions.span(AS_OF, LAST):
            score(flying, day, workspace=workspace)

    return shared(tmp_path_factory, "championed-home", fill)


@pytest.fixture(scope="session")
def trained_home(featured_home, easy, tmp_path_factory):
    """`featured_home` with a run of `easy` as of the 14th."""
    return shared(
        tmp_path_factory,
        "trained-home",
        lambda home: trained(easy, AS_OF, opened(_copied(featured_home, home))),
    )


@pytest.fixture(scope="session")
def challenged_home(championed_home, easy, tmp_path_factory):
    """`championed_home` with a run of `easy` as of the 17th beside the champion."""
    return shared(
        tmp_path_factory,
        "challenged-home",
        lambda home: trained(easy, LATER, opened(_copied(championed_home, home))),
    )


def trained(use_case: UseCase, as_of: str, workspace: Workspace) -> TrainedRun:
    from include.training.stage import train

    return train(use_case, as_of, reason="tests", actor="tests", workspace=workspace)


def promoted(use_case: UseCase, as_of: str, workspace: Workspace) -> SimpleNamespace:
    """Train, evaluate and promote; return what each stage gave."""
    from include.evaluation.stage import evaluate
    from include.promotion.stage import promote

    run = trained(use_case, as_of, workspace)
    candidate = evaluate(use_case, run.run_id, as_of, actor="tests", workspace=workspace)
    decision = promote(
        use_case,
        version=candidate.version,
        run_id=candidate.run_id,
        as_of=as_of,
        evaluation_id=candidate.decision_id,
        actor="tests",
        workspace=workspace,
    )
    return SimpleNamespace(run=run, candidate=candidate, decision=decision)


def _copied(home: Path, target: Path) -> Path:
    shutil.copytree(home, target)
    with sqlite3.connect(target / "mlflow" / "mlflow.db") as database:
        for update in _ADDRESSES:
            database.execute(update, (str(home), str(target)))
    database.close()
    return target


@pytest.fixture
def featured(featured_home, tmp_path) -> Workspace:
    """A home of one's own with three weeks of flights and their features."""
    return opened(_copied(featured_home, tmp_path / "featured"))


@pytest.fixture
def championed(championed_home, tmp_path) -> Workspace:
    """The same with a champion since the 14th, which has scored every day since."""
    return opened(_copied(championed_home, tmp_path / "championed"))


@pytest.fixture
def tried(trained_home, tmp_path) -> Workspace:
    """`featured` with a run of `easy` as of the 14th: training it again finds that run."""
    return opened(_copied(trained_home, tmp_path / "tried"))


@pytest.fixture
def challenged(challenged_home, tmp_path) -> Workspace:
    """`championed` with a run of `easy` as of the 17th: training it again finds that run."""
    return opened(_copied(challenged_home, tmp_path / "challenged"))


@pytest.fixture
def bare(heavy_imports, tmp_path) -> Workspace:
    """An empty home."""
    return opened(tmp_path / "bare")


@pytest.fixture(scope="session")
def open_home():
    return opened


@pytest.fixture(scope="session")
def homes():
    """Return what a module needs to prepare a home of its own."""
    return SimpleNamespace(opened=opened, copied=_copied, promoted=promoted)


@pytest.fixture(scope="session")
def through_promotion():
    return promoted


@pytest.fixture(scope="session")
def flying(featured_home) -> UseCase:
    """The declared use case of the flights, without reports for people and a fresh process for each model.

    They take seconds each, and have tests of their own.
    """
    without = {"monitoring.report": False, "training.report": "none", "training.fresh_process": False}
    return _changed(opened(featured_home).use_case("flights"), without)


@pytest.fixture(scope="session")
def easy(flying) -> UseCase:
    """`flying` with a small model and a single gate, which lets every sound model pass."""
    return _changed(flying, EASY | QUICK)


@pytest.fixture(scope="session")
def changed():
    return _changed


def _changed(use_case: UseCase, values: dict[str, object]) -> UseCase:
    """Return a use case with some settings changed, by their place in the YAML."""
    content = copy.deepcopy(use_case.model_dump())
    for place, value in values.items():
        *sections, last = place.split(".")
        section = content
        for name in sections:
            section = section[name]
        section[last] = value
    return UseCase.model_validate(content)


@pytest.fixture(scope="session")
def trips() -> UseCase:
    return UseCase.model_validate(copy.deepcopy(TRIPS))
