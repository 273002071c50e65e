from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli import services
from cli.processes import Process
from cli.records import Running, write
from cli.services import Plan
from include.errors import ConfigurationError, Outage
from include.settings import Settings

ONLY_MLFLOW = Plan(airflow=False)


def settings_for(home: Path, **values: object) -> Settings:
    return Settings(_env_file=None, home=home, **{"mlflow_port": 0, "airflow_port": 0, **values})


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as taken:
        # It does not listen, so that nobody waits for its answers.
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_chosen_port_that_is_taken_is_an_error_and_nothing_is_left(tmp_path: Path, busy_port: int) -> None:
    settings = settings_for(tmp_path, mlflow_port=busy_port)
    with pytest.raises(ConfigurationError, match=f"Port {busy_port} is taken.*AIRLOCK_MLFLOW_PORT"):
        services.start(settings, ONLY_MLFLOW)
    assert services.find(settings) is None


def test_a_default_port_that_is_taken_is_only_a_wish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "is_free", lambda port: False)
    settings = Settings(_env_file=None, home=tmp_path)
    steps: list[str] = []
    port = services._Start(settings, ONLY_MLFLOW, steps.append)._port("mlflow")
    assert port not in (settings.mlflow_port, 0)
    assert steps == [f"port {settings.mlflow_port} is taken by another program: mlflow gets {port}"]


def test_an_old_record_of_processes_that_are_gone_means_nothing(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    (tmp_path / "run").mkdir()
    # The id of a process that runs, but not since then.
    write(tmp_path, Running(mlflow_url="http://127.0.0.1:1", processes=(Process("mlflow", 1, 1.0, "log"),)))
    assert services.find(settings) is None
    assert services.stop(settings) == []
    assert not (tmp_path / "run" / "services.json").exists()


def test_nothing_to_stop(tmp_path: Path) -> None:
    assert services.stop(settings_for(tmp_path)) == []


@pytest.mark.servers
def test_a_server_that_fails_at_its_start_shows_the_end_of_its_log(
    tmp_path: Path, busy_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if another program had taken the port a moment after we looked.
    monkeypatch.setattr(services, "is_free", lambda port: True)
    settings = settings_for(tmp_path, mlflow_port=busy_port)
    with pytest.raises(Outage, match=r"(?s)mlflow ended at its start.*mlflow\.log.*already in use") as caught:
        services.start(settings, ONLY_MLFLOW)
    assert len(str(caught.value).splitlines()) < 30
    assert services.find(settings) is None


@pytest.mark.servers
def test_two_homes_run_side_by_side_and_each_is_ended_alone(tmp_path: Path) -> None:
    one, other = settings_for(tmp_path / "one"), settings_for(tmp_path / "other")
    try:
        first, second = services.start(one, ONLY_MLFLOW), services.start(other, ONLY_MLFLOW)
        assert first.mlflow_url != second.mlflow_url
        assert services.find(one) == first
        with pytest.raises(ConfigurationError, match="running already"):
            services.start(one, ONLY_MLFLOW)
        assert _stopped_by_another_command(one) == ["mlflow"]
        assert services.find(one) is None
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{first.mlflow_url}/health", trust_env=False)
        assert httpx.get(f"{second.mlflow_url}/health", trust_env=False).text == "OK"
    finally:
        services.stop(one, grace=5)
        assert services.stop(other, grace=5) == ["mlflow"]


def _stopped_by_another_command(settings: Settings) -> list[str]:
    script = (
        "import json\n"
        "from cli import services\n"
        "from include.settings import Settings\n"
        f"print(json.dumps(services.stop(Settings(_env_file=None, home={str(settings.home)!r}))))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))
