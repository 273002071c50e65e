"""Airflow's connections as SQLAlchemy URLs."""

import pytest
from sqlalchemy.engine import make_url

from airlock.connections import connection_url
from include.errors import ConfigurationError


def test_a_connection_is_a_url_with_its_password(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "postgres://ann:s%2Fecret@db.example.org:5433/orders")
    url = make_url(connection_url("shop"))
    assert url.get_backend_name() == "postgresql"
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "ann",
        "s/ecret",
        "db.example.org",
        5433,
        "orders",
    )


@pytest.mark.parametrize(
    ("address", "said"),
    [(None, "Airflow has no connection 'shop'"), ("http://example.org", "no SQL database|has no hook")],
)
def test_what_is_no_database_is_a_mistake_of_configuration(address, said, monkeypatch):
    if address:
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", address)
    with pytest.raises(ConfigurationError, match=said):
        connection_url("shop")
