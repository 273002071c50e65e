from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.credentials import keys_of, password_of, passwords_file
from cli.environment import airflow_environment, base_environment
from include.errors import ConfigurationError
from include.settings import PROJECT_ROOT, Settings


def environment_of(settings: Settings, **inherited: str) -> dict[str, str]:
    return airflow_environment(settings, api_port=1234, execution_port=4321, inherited=inherited)


def test_every_airflow_option_is_one_that_airflow_knows(settings: Settings) -> None:
    script = (
        "import json\n"
        "from airflow.configuration import conf\n"
        "sections = conf.configuration_description\n"
        "print('known', json.dumps({name: sorted(part['options']) for name, part in sections.items()}))\n"
        "print('executor', conf.get('core', 'executor'), conf.getint('core', 'parallelism'))\n"
    )
    environment = airflow_environment(settings, api_port=1, execution_port=2)
    output = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout
    lines = dict(line.split(" ", 1) for line in output.splitlines() if line.startswith(("known", "executor")))
    known = json.loads(lines["known"])
    options = [name.lower().split("__")[1:] for name in environment if name.startswith("AIRFLOW__")]
    assert options
    # Airflow reads one that its reference does not name, see test_celery_settings.py.
    known["scheduler"].append("num_stuck_in_queued_retries")
    assert not [option for option in options if option[1] not in known[option[0]]]
    assert lines["executor"] == f"LocalExecutor {settings.task_slots}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW__API__PORT", "1234"),
        ("AIRFLOW__API__BASE_URL", "http://127.0.0.1:1234"),
        ("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://127.0.0.1:4321/execution/"),
        ("AIRFLOW__CORE__DAGS_FOLDER", str(PROJECT_ROOT / "dags")),
        ("AIRFLOW__CORE__PLUGINS_FOLDER", str(PROJECT_ROOT / "plugins")),
        ("AIRFLOW__CORE__LOAD_EXAMPLES", "False"),
        ("AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", "True"),
        ("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "admin:admin"),
        ("DO_NOT_TRACK", "true"),
        ("GX_ANALYTICS_ENABLED", "false"),
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
        ("OMP_NUM_THREADS", "1"),
        ("HOME", "/of/somebody"),
    ],
)
def test_values(settings: Settings, name: str, value: str) -> None:
    assert environment_of(settings, HOME="/of/somebody")[name] == value


def test_bytecode_is_written_whatever_the_shell_says(settings: Settings) -> None:
    assert "PYTHONDONTWRITEBYTECODE" not in environment_of(settings, PYTHONDONTWRITEBYTECODE="1")


def test_this_interpreter_comes_first_on_the_path_and_a_proxy_is_not_asked_for_our_servers(
    settings: Settings,
) -> None:
    environment = environment_of(settings, PATH="/usr/bin", NO_PROXY="intranet")
    assert environment["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/usr/bin"]
    assert {"127.0.0.1", "localhost", "intranet"} == set(environment["NO_PROXY"].split(","))


def test_a_child_reads_the_settings_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = Settings(
        _env_file=None,
        home=tmp_path,
        lake_url="s3://somewhere/lake",
        task_slots=7,
        warm_workers=False,
        ledger_url=SecretStr("postgresql://user:password@host/ledger"),
    )
    environment = base_environment(parent, mlflow_tracking_uri="http://127.0.0.1:1", inherited={})
    for name, value in environment.items():
        if name.startswith("AIRLOCK_"):
            monkeypatch.setenv(name, value)
    child = Settings(_env_file=None)
    assert (child.home, child.landing, child.lake) == (parent.home, parent.landing, parent.lake)
    assert (child.ledger, child.mlflow) == (parent.ledger, "http://127.0.0.1:1")
    assert (child.task_slots, child.warm_workers) == (7, False)


def test_the_password_of_the_ui_reaches_no_task(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path, airflow_password=SecretStr("from the settings"))
    assert "from the settings" not in environment_of(settings).values()


def test_keys_are_drawn_once_for_each_home(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert keys_of(one) == keys_of(one) != keys_of(other)


def test_airflow_gets_the_keys_of_its_home_and_nobody_sees_them(settings: Settings) -> None:
    keys = keys_of(settings.home)
    environment = environment_of(settings)
    assert environment["AIRFLOW__CORE__FERNET_KEY"] == keys.fernet_key
    assert environment["AIRFLOW__API_AUTH__JWT_SECRET"] == keys.jwt_secret
    assert environment["AIRFLOW__API__SECRET_KEY"] == keys.api_secret
    assert keys.jwt_secret not in repr(keys)
    assert keys.jwt_secret != keys.api_secret


def test_files_of_secrets_are_for_their_owner_only(settings: Settings) -> None:
    password_of(settings)
    keys_of(settings.home)
    folder = passwords_file(settings.home).parent
    assert len(list(folder.iterdir())) == 2
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (folder / "keys.json").chmod(0o644)
    keys_of(settings.home)
    assert stat.S_IMODE((folder / "keys.json").stat().st_mode) == 0o600


def test_a_password_is_drawn_once_and_one_in_the_settings_wins(settings: Settings) -> None:
    drawn = password_of(settings)
    assert len(drawn) >= 12
    assert password_of(settings) == drawn
    chosen = settings.model_copy(update={"airflow_password": SecretStr("chosen")})
    assert password_of(chosen) == "chosen"
    assert json.loads(passwords_file(settings.home).read_text()) == {settings.airflow_user: "chosen"}


def test_a_broken_file_of_keys_is_named(settings: Settings) -> None:
    keys_of(settings.home)
    path = settings.home / "secrets" / "keys.json"
    path.write_text("{")
    with pytest.raises(ConfigurationError, match=r"keys\.json is not JSON"):
        keys_of(settings.home)


@pytest.mark.parametrize("user", ["a:b", "a,b"])
def test_a_user_name_that_airflow_cannot_read_is_refused(tmp_path: Path, user: str) -> None:
    settings = Settings(_env_file=None, home=tmp_path, airflow_user=user)
    with pytest.raises(ConfigurationError, match="AIRLOCK_AIRFLOW_USER"):
        environment_of(settings)
