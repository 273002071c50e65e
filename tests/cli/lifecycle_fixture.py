"""A small but real installation: seven days of flights, two champions, one refused batch.

Built once; tests that change something work on a copy.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result
from threadpoolctl import threadpool_limits

from cli.landing import land_flights
from cli.main import main
from include import partitions
from include.errors import GateRefused
from include.settings import PROJECT_ROOT, Settings, get_settings
from include.workspace import Workspace
from tests.kills import WHOLE
from tests.sharing import filled_once

FIRST, LAST = "2013-01-01", "2013-01-07"
BROKEN = "2013-01-02"
PROMOTED = ("2013-01-06", "2013-01-07")
SCORED = ("2013-01-06", "2013-01-07")
_built: list[Installation] = []


@dataclass(frozen=True)
class Installation:
    """Folders of one installation, and how to run a command on it."""

    home: Path
    use_cases: Path

    @property
    def environment(self) -> dict[str, str]:
        """Every address is given, so that no `.env` of the checkout reaches a test."""
        return {
            "AIRLOCK_HOME": str(self.home),
            "AIRLOCK_USE_CASES_DIR": str(self.use_cases),
            "AIRLOCK_LANDING_URL": str(self.home / "landing"),
            "AIRLOCK_LAKE_URL": str(self.home / "lake"),
            "AIRLOCK_LEDGER_URL": f"sqlite:///{self.home}/ledger.db",
            "AIRLOCK_MLFLOW_TRACKING_URI": f"sqlite:///{self.home}/mlflow/mlflow.db",
        }

    @property
    def workspace(self) -> Workspace:
        return Workspace(
            Settings(
                home=self.home,
                use_cases_dir=self.use_cases,
                landing_url=str(self.home / "landing"),
                lake_url=str(self.home / "lake"),
                ledger_url=f"sqlite:///{self.home}/ledger.db",
                mlflow_tracking_uri=f"sqlite:///{self.home}/mlflow/mlflow.db",
            )
        )

    def run(self, *arguments: str, **environment: str) -> Result:
        """Run a command in this process."""
        get_settings.cache_clear()
        try:
            return CliRunner().invoke(main, arguments, env=self.environment | environment)
        finally:
            get_settings.cache_clear()

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with --json and return what it printed on stdout."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def copy(self, folder: Path) -> Installation:
        """Return a copy to be spoiled. MLflow's artefacts stay where they were written."""
        shutil.copytree(self.home, folder / "home")
        shutil.copytree(self.use_cases, folder / "use_cases")
        return Installation(folder / "home", folder / "use_cases")


def filled(base: Path) -> Installation:
    """Return the installation of these tests, built when it is asked for the first time.

    Workers that run tests side by side share one.

    Args:
        base: a folder that pytest made for the one who asks.
    """
    if not _built:
        root = base.parent.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        folder = filled_once(root, "filled", lambda folder: _build(_within(folder)))
        _built.append(_within(folder))
    return _built[0]


def _within(folder: Path) -> Installation:
    return Installation(folder / "home", folder / "use_cases")


def _build(found: Installation) -> None:
    declare(found.use_cases)
    with warnings.catch_warnings():
        # Heavy libraries warn of themselves while they are imported; that is theirs to mend.
        warnings.simplefilter("ignore")
        live(found.workspace)


def set_aside(live: Installation, day: str, rows: list[int]) -> None:
    """Let a day come again with rows that break a rule of severity `quarantine`, `distance.range`."""
    import pandas as pd

    from include.ingestion.stage import ingest

    path = live.use_cases / "flights" / "use_case.yaml"
    content = yaml.safe_load(path.read_text())
    content["contract"]["columns"]["distance"] |= {"max": 6000.0, "severity": "quarantine"}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    file = live.home / "landing" / "flights" / f"{day}.parquet"
    landed = pd.read_parquet(file)
    landed.loc[rows, "distance"] = [9000 + number for number in range(len(rows))]
    landed.to_parquet(file)
    workspace = live.workspace
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ingest(workspace.use_case("flights"), day, actor="schedule", workspace=workspace)


def empty(base: Path) -> Installation:
    """Return an installation in which nothing has happened yet."""
    found = _within(base)
    declare(found.use_cases)
    return found


def declare(folder: Path) -> None:
    """Copy the flights use case, with windows of days and one lenient gate."""
    shutil.copytree(PROJECT_ROOT / "include" / "use_cases" / "flights", folder / "flights")
    path = folder / "flights" / "use_case.yaml"
    content = yaml.safe_load(path.read_text())
    content["training"] |= {"min_training_partitions": 2, "min_holdout_partitions": 2, "holdout_days": 2}
    if not WHOLE:
        # The report and the fresh process take seconds of each training, and have tests of their own.
        content["training"] |= {"report": "none", "fresh_process": False}
        content["training"]["model"] |= {"max_iter": 20, "learning_rate": 0.2}
    content["evaluation"] = {"gates": [{"kind": "floor", "min": 0.0}], "min_rows": 2}
    content["monitoring"] = {"report": False}
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def live(workspace: Workspace) -> None:
    """Live the seven days, with sums that do not differ in their last bits between two machines."""
    with threadpool_limits(1):
        _live(workspace)


def _live(workspace: Workspace) -> None:
    from include.features.stage import build
    from include.ingestion.stage import ingest
    from include.monitoring.stage import monitor
    from include.scoring.stage import score

    use_case = workspace.use_case("flights")
    land_flights(workspace.settings.landing, FIRST, LAST)
    workspace.landing.put(f"flights/{BROKEN}.parquet", b"PAR1 cut off")
    for day in partitions.span(FIRST, LAST):
        if day in PROMOTED:
            _train(workspace, day)
        try:
            ingest(use_case, day, actor="schedule", workspace=workspace)
        except GateRefused:
            continue
        build(use_case, day, actor="schedule", workspace=workspace)
        if day in SCORED:
            score(use_case, day, workspace=workspace)
            monitor(use_case, day, actor="schedule", workspace=workspace)


def _train(workspace: Workspace, as_of: str) -> None:
    from include.simulation.candidate import evaluate_and_promote
    from include.training.stage import train

    use_case = workspace.use_case("flights")
    run = train(use_case, as_of, reason="test", actor="ada", workspace=workspace)
    evaluate_and_promote(use_case, run.run_id, as_of, actor="ada", workspace=workspace)
