"""A secret may stand in the environment and in connections; no message and no record repeats it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from airlock.connections import connection_url
from airlock.notifiers import channels
from cli.airflow_api import AirflowApi
from cli.main import main
from cli.ports import free_ports
from include.alerts.deliveries import Deliveries
from include.errors import AirlockError
from include.ingestion.sources.conversion import Conversion
from include.ingestion.sources.doubts import Doubts
from include.ingestion.sources.sql_query import read_sql
from include.lake import Lake
from include.ledger import Ledger
from include.mlflow_outages import mlflow_outages
from include.registry import Registry
from include.settings import Settings, get_settings
from include.storage import open_store
from include.use_case_sections import Contract
from tests.security.test_addresses import MESSAGE
from tests.security.test_input import _query
from tests.servers import S3Server

CANARY = "tweety4f2b9c"
DATABASE = f"postgresql+psycopg2://ann:{CANARY}@127.0.0.1:{{port}}/orders"


def planted(port: int) -> dict[str, str]:
    """Return every setting and variable that a secret can live in, leading to nobody."""
    return {
        "AIRLOCK_LEDGER_URL": DATABASE.format(port=port),
        "AIRLOCK_MLFLOW_TRACKING_URI": f"http://ann:{CANARY}@127.0.0.1:{port}",
        "AIRLOCK_PRIVACY_KEY": f"{CANARY * 3}",
        "AIRLOCK_ALERT_WEBHOOK_URL": f"http://127.0.0.1:{port}/{CANARY}",
        "AIRLOCK_ALERT_SLACK_URL": f"http://127.0.0.1:{port}/services/{CANARY}",
        "AIRLOCK_ALERT_SMTP_URL": f"smtp://ann:{CANARY}@127.0.0.1:{port}",
        "AIRLOCK_ALERT_MAIL_TO": "a@example.com",
        "AIRLOCK_AIRFLOW_PASSWORD": CANARY,
        "AIRLOCK_API_TOKEN": CANARY,
        "AIRLOCK_OPENLINEAGE_TRANSPORT": json.dumps({"type": "http", "auth": {"api_key": CANARY}}),
        "AIRLOCK_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": f"AKIA{CANARY}",
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "AWS_SESSION_TOKEN": CANARY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MLFLOW_TRACKING_USERNAME": "ann",
        "MLFLOW_TRACKING_PASSWORD": CANARY,
        "AIRFLOW_CONN_SHOP": f"postgres://ann:{CANARY}@127.0.0.1:{port}/orders",
        "AIRFLOW_CONN_ODD": json.dumps({"conn_type": "nothing", "password": CANARY, "host": "h"}),
        "AIRFLOW_CONN_BROKEN": f"{{{CANARY}",
        "AIRFLOW_CONN_ALARM": json.dumps({"conn_type": "http", "host": f"169.254.1.1/{CANARY}"}),
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in planted(free_ports(1)[0]).items():
        monkeypatch.setenv(name, value)
    return Settings(_env_file=None, home=tmp_path / "home", lake_url="s3://bucket/lake")


def _rows(url: str) -> list[Any]:
    contract = Contract.model_validate({"columns": {"id": {"type": "integer"}}})
    return list(
        read_sql(_query(), "2013-01-01", url, Conversion(Doubts("o", contract, source="o")), max_columns=9)
    )


def _failing(uri: str) -> None:
    """Fail as MLflow's own store does; it would go on trying for minutes."""
    with mlflow_outages(uri):
        raise ConnectionError(f"no answer from {uri}")


# What fails while nobody answers, or because somebody mistyped.
FAILURES: dict[str, Callable[[Settings], object]] = {
    "ledger": lambda home: Ledger(home.ledger).find(),
    "ledger mistyped": lambda home: Ledger(f"postgres//ann:{CANARY}@h/x"),
    "ledger of no driver": lambda home: Ledger(f"oracle+none://ann:{CANARY}@h/x").find(),
    "deliveries": lambda home: Deliveries(home.ledger).done(),
    "sql source": lambda home: _rows(connection_url("shop")),
    "sql source of no driver": lambda home: _rows(f"oracle+none://ann:{CANARY}@h/x"),
    "sql source mistyped": lambda home: _rows(f"postgres//ann:{CANARY}@h/x"),
    "connection of an unknown type": lambda home: connection_url("odd"),
    "connection that is broken": lambda home: connection_url("broken"),
    "mlflow's database": lambda home: _failing(home.ledger),
    "mlflow": lambda home: Registry(home).alias_version("flights", "champion"),
    "mlflow run": lambda home: Registry(home).experiment_id("flights"),
    "s3": lambda home: open_store("s3://bucket/x", home).get("key"),
    "lake": lambda home: Lake.from_settings(home).partitions("flights", "batches"),
    "webhook": lambda home: channels(home)["webhook"].send(MESSAGE),
    "slack": lambda home: channels(home)["slack"].send(MESSAGE),
    "mail": lambda home: channels(home)["email"].send(MESSAGE),
    "webhook mistyped": lambda home: channels(
        home.model_copy(update={"alert_webhook_url": type(home.api_token)(f"htps://h/{CANARY}")})
    ),
    "alert connection": lambda home: channels(
        Settings(_env_file=None, alert_webhook_url="", alert_connection="alarm")
    )["webhook"].send(MESSAGE),
    "airflow": lambda home: AirflowApi(
        home.s3_endpoint_url, user="ann", password=home.airflow_password
    ).dags(),
}  # fmt: skip


@pytest.mark.parametrize("fails", FAILURES.values(), ids=FAILURES)
def test_no_error_repeats_a_secret(fails: Callable[[Settings], object], home: Settings) -> None:
    with pytest.raises(AirlockError) as raised:
        fails(home)
    # What Airflow writes into a task's log: the error and all that it came from.
    told = "".join(traceback.format_exception(raised.value))
    assert CANARY not in told
    assert CANARY not in repr(raised.value)


def test_s3_refuses_a_wrong_key_without_repeating_it(
    s3_server: S3Server, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRLOCK_S3_ENDPOINT_URL", s3_server.endpoint_url)
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    settings = Settings(_env_file=None, home=home.home)
    bucket = s3_server.new_bucket()
    lake = Lake.from_settings(settings.model_copy(update={"lake_url": f"s3://{bucket}/lake"}))
    for fails in (
        lambda: open_store(f"s3://{bucket}/x", settings).get("key"),
        lambda: lake.partitions("flights", "batches"),
    ):
        with pytest.raises(AirlockError) as raised:
            fails()
        told = "".join(traceback.format_exception(raised.value))
        # The id of a key is no secret, and the server names it; what is, is the key.
        assert CANARY not in told.replace(f"AKIA{CANARY}", "")


def test_the_settings_do_not_show_what_they_hold(home: Settings) -> None:
    for shown in (repr(home), str(home)):
        assert CANARY not in shown


COMMANDS = ("status", "decisions", "verify", "champions flights", "health", "use-cases", "quarantine")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("debug", [False, True])
def test_no_command_prints_a_secret(command: str, debug: bool, home: Settings) -> None:
    get_settings.cache_clear()
    arguments = [*(["--debug"] if debug else []), *command.split()]
    done = CliRunner().invoke(main, arguments, env={"AIRLOCK_HOME": str(home.home), "AIRLOCK_LAKE_URL": ""})
    get_settings.cache_clear()
    told = done.output + "".join(traceback.format_exception(done.exception) if done.exception else [])
    assert CANARY not in told


def test_a_refused_login_does_not_repeat_the_password(home: Settings) -> None:
    """The server's own words are shown; what was sent to it is not."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert CANARY in request.content.decode()
        return httpx.Response(401, json={"detail": "Invalid credentials"}, request=request)

    api = AirflowApi("http://airflow", user="ann", password=home.airflow_password)
    api._client = httpx.Client(base_url="http://airflow", transport=httpx.MockTransport(answer))
    with pytest.raises(AirlockError) as raised:
        api.dags()
    assert CANARY not in "".join(traceback.format_exception(raised.value))
