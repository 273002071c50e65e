"""A running Airflow for the tests that ask one: its own home, its own DAGs.

The files that use it run in one worker (`tests/conftest.py`), so that it is started once.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cli.airflow_api import AirflowApi
from cli.records import Running
from include.settings import Settings
from tests.cli.on_airflow.guarded import Guarded, guarded_airflow


@pytest.fixture(scope="package")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_airflow(tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="package")
def toy_settings(guarded: Guarded) -> Settings:
    return guarded.settings


@pytest.fixture(scope="package")
def toy_airflow(guarded: Guarded) -> Running:
    return guarded.running


@pytest.fixture(scope="module")
def toy_api(toy_settings: Settings, toy_airflow: Running) -> Iterator[AirflowApi]:
    with AirflowApi.of(toy_settings, toy_airflow.airflow_url) as api:
        api.wait_for_dags({"toy.ingest", "toy.features", "toy.endless"}, timeout=120)
        yield api
