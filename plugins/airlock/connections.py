"""Airflow's connections, as the library asks for them."""

from __future__ import annotations

from include.errors import ConfigurationError


def connection_url(connection: str) -> str:
    """Return the SQLAlchemy URL of a connection, with its password: never log it.

    Raises:
        ConfigurationError: Airflow has no such connection, or it is none to an SQL database.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

    try:
        hook = BaseHook.get_connection(connection).get_hook()  # type: ignore[no-untyped-call]
    except AirflowNotFoundException as error:
        raise ConfigurationError(
            f"Airflow has no connection {connection!r}; add it under Admin > Connections or as "
            f"AIRFLOW_CONN_{connection.upper()}"
        ) from error
    except AirflowException as error:
        raise ConfigurationError(f"Connection {connection!r} has no hook: {error}") from error
    address = getattr(hook, "get_uri", None)
    if address is None:
        raise ConfigurationError(
            f"Connection {connection!r} is a {type(hook).__name__}, no SQL database; correct its type"
        )
    return str(address())
