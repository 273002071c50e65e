"""Which channels an installation has: by its settings, and by connections of Airflow."""

from __future__ import annotations

import json

import pytest

from airlock.notifiers import channels
from include.errors import ConfigurationError
from include.settings import Settings

CONNECTIONS = {
    "hook": ({"conn_type": "http", "host": "hooks.example.com", "password": "T0/s3cret"}, "webhook"),
    "whole": ({"conn_type": "http", "extra": {"url": "https://chat.example.com/s3cret"}}, "webhook"),
    "provider": (
        {"conn_type": "slackwebhook", "host": "https://hooks.slack.com/services", "password": "T0/B0/s3cret"},
        "slack",
    ),
    "mail": (
        {"conn_type": "smtp", "host": "mail.example.com", "port": 465, "login": "ann", "password": "s3/cret"},
        "email",
    ),
}
ADDRESSES = {
    "hook": "https://hooks.example.com/T0/s3cret",
    "whole": "https://chat.example.com/s3cret",
    "provider": "https://hooks.slack.com/services/T0/B0/s3cret",
}


@pytest.mark.parametrize(("content", "channel"), CONNECTIONS.values(), ids=CONNECTIONS)
def test_a_connection_holds_the_address_of_one_channel(
    content: dict[str, object], channel: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ALARM", json.dumps(content))
    settings = Settings(_env_file=None, alert_connection="alarm", alert_mail_to="a@example.com")
    found = channels(settings)
    assert set(found) == {"log", channel}
    name = request.node.callspec.id
    if name in ADDRESSES:
        assert found[channel]._address == ADDRESSES[name]  # type: ignore[attr-defined]
    else:
        assert found[channel]._login == ("ann", "s3/cret")  # type: ignore[attr-defined]
        assert (found[channel]._port, found[channel]._tls) == (465, True)  # type: ignore[attr-defined]


def test_many_connections_and_a_setting_that_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (content, _) in CONNECTIONS.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(content))
    settings = Settings(
        _env_file=None,
        alert_connection="hook, provider ,mail",
        alert_webhook_url="https://first.example.com/x",
        alert_mail_to="a@example.com",
    )
    found = channels(settings)
    assert set(found) == {"log", "webhook", "slack", "email"}
    assert found["webhook"]._address == "https://first.example.com/x"  # type: ignore[attr-defined]


def test_a_connection_leads_nowhere_that_alerts_may_not_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ALARM", json.dumps({"conn_type": "http", "host": "169.254.169.254"}))
    with pytest.raises(ConfigurationError, match="never sent to 169"):
        channels(Settings(_env_file=None, alert_connection="alarm"))
    assert set(channels(Settings(_env_file=None))) == {"log"}
