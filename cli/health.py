"""Whether a part of an installation does its work: asked by health checks of containers and by `up-local`.

A question costs about half a second of CPU: none of them loads Airflow.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx

from cli.components import component_of, execution_port, instance_of
from include.errors import Outage
from include.settings import Settings

# Servers of this machine speak without TLS. Reading its certificates for each question would be 30 ms of CPU.
WITHOUT_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_PATIENCE_SECONDS = 10.0
# Airflow's own limit for a scheduler.
_HEARTBEAT = timedelta(seconds=30)
_JOBS = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}


def examine(name: str, settings: Settings, environment: Mapping[str, str]) -> None:
    """Ask a part of this machine how it is.

    Raises:
        Outage: it does not do its work; the message says what was asked and what came back.
    """
    component_of(name)
    pages = {
        "api-server": f"http://{_local(settings.airflow_host)}:{settings.airflow_port}/api/v2/monitor/health",
        "whole-api-server": f"http://{_local(settings.airflow_host)}:{settings.airflow_port}/api/v2/monitor/health",
        "execution-api": f"http://{_local(settings.airflow_host)}:{execution_port(settings)}/execution/health",
        "mlflow": f"http://{_local(settings.mlflow_host)}:{settings.mlflow_port}/health",
    }
    if name in pages:
        _page_answers(pages[name])
    elif name in _JOBS:
        _job_beats(_JOBS[name], settings.airflow_database_url.get_secret_value())
    elif name.startswith("worker"):
        _worker_answers(instance_of(name), settings.celery_broker_url.get_secret_value())


def _local(host: str) -> str:
    """Return where a server that listens everywhere in its container is asked from inside."""
    return "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 -- compared, not bound


def listens(url: str) -> bool:
    """Tell whether a server of this machine answers at all; that it refuses us is an answer."""
    try:
        answer = httpx.get(url, timeout=_PATIENCE_SECONDS, trust_env=False, verify=WITHOUT_TLS)
    except httpx.TransportError:
        return False
    return not answer.is_server_error


def accepts(host: str, port: int) -> bool:
    """Tell whether something takes connections at an address."""
    try:
        socket.create_connection((host, port), timeout=_PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def _page_answers(url: str) -> None:
    try:
        response = httpx.get(url, timeout=_PATIENCE_SECONDS, trust_env=False, verify=WITHOUT_TLS)
    except httpx.TransportError as error:
        raise Outage(f"{url} does not answer: {error}") from error
    if response.is_error:
        raise Outage(f"{url} answers {response.status_code}")


def _job_beats(kind: str, url: str) -> None:
    """See that a job of this machine has told Airflow's database that it lives."""
    import sqlalchemy as sa

    jobs = sa.table("job", *(sa.column(name) for name in ("job_type", "state", "hostname")))
    beat = sa.column("latest_heartbeat", sa.DateTime(timezone=True))
    query = sa.select(sa.func.max(beat)).where(
        jobs.c.job_type == kind,
        jobs.c.state == "running",
        jobs.c.hostname.in_({socket.getfqdn(), socket.gethostname()}),
    )
    engine = sa.create_engine(
        url, poolclass=sa.NullPool, connect_args={"connect_timeout": int(_PATIENCE_SECONDS)}
    )
    try:
        with engine.connect() as connection:
            newest: datetime | None = connection.execute(query.select_from(jobs)).scalar()
    except sa.exc.SQLAlchemyError as error:
        raise Outage(f"Airflow's database does not answer: {type(error).__name__}") from error
    if newest is None or datetime.now(UTC) - newest > _HEARTBEAT:
        raise Outage(f"{kind} of {socket.gethostname()} was last heard of: {newest or 'never'}")


def _worker_answers(name: str, url: str) -> None:
    from celery import Celery  # type: ignore[import-untyped]

    with Celery(broker=url) as app:
        app.conf.broker_connection_timeout = _PATIENCE_SECONDS
        try:
            answers = app.control.ping(destination=[celery_name(name)], timeout=_PATIENCE_SECONDS / 5)
        # The transports have errors of many kinds, and each means the same here.
        except Exception as error:
            raise Outage(f"the queue does not answer: {type(error).__name__}") from error
    if not answers:
        raise Outage(f"worker {name} does not answer through the queue")


def celery_name(name: str) -> str:
    """Return what Celery calls a worker that was started with a name alone."""
    return f"celery@{name}" if "@" not in name else name
