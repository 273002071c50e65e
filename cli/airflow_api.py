"""A small client of Airflow's REST API: as much of it as Airlock uses, with types and plain errors.

Runs of our DAGs have no logical date: Airflow wants an explicit `null`, and the partition key beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from cli.airflow_answers import Backfill, Dag, DagRun, ImportProblem, Task
from cli.credentials import password_of
from include.errors import ConfigurationError, NotFound, Outage
from include.settings import Settings

_PAGE = 100
_TIMEOUT_SECONDS = 60
_READ_ATTEMPTS = 3


class AirflowApi:
    """Talks to one Airflow API server as one user; the token is fetched, and renewed, when it is needed.

    Every method raises `Outage` if the server does not answer or fails, `NotFound` for what does not exist,
    and `ConfigurationError` for what the server refuses; the message holds the server's reason.
    """

    def __init__(self, url: str, *, user: str, password: SecretStr) -> None:
        self._user = user
        self._password = password
        self._token = ""
        # The server is ours: never through a proxy.
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False)

    @classmethod
    def of(cls, settings: Settings, url: str) -> Self:
        """The client for a server that was started with these settings."""
        return cls(url, user=settings.airflow_user, password=SecretStr(password_of(settings)))

    @classmethod
    def by_token(cls, url: str, token: SecretStr) -> Self:
        """The client of a person who has a token already, whatever auth manager gave it."""
        api = cls(url, user="", password=SecretStr(""))
        api._token = token.get_secret_value()
        return api

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def dags(self) -> list[Dag]:
        return [Dag.model_validate(item) for item in self._pages("/dags", "dags")]

    def dag(self, dag_id: str) -> Dag:
        return Dag.model_validate(self._get(f"/dags/{_part(dag_id)}"))

    def import_errors(self) -> list[ImportProblem]:
        return [ImportProblem.model_validate(item) for item in self._pages("/importErrors", "import_errors")]

    def set_paused(self, dag_id: str, paused: bool) -> Dag:
        return Dag.model_validate(self._send("PATCH", f"/dags/{_part(dag_id)}", {"is_paused": paused}))

    def trigger(
        self,
        dag_id: str,
        *,
        partition_key: str | None = None,
        conf: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        note: str | None = None,
    ) -> DagRun:
        """Queue a run; it starts once the DAG is not paused.

        Args:
            dag_id: The DAG.
            partition_key: The partition that the run is about.
            conf: Values for the DAG's params.
            run_id: A name of your own, which makes it safe to ask again; Airflow refuses a second one.
            note: Shown beside the run.
        """
        body: dict[str, Any] = {"logical_date": None, "conf": dict(conf or {}), "note": note}
        body |= {"dag_run_id": run_id} if run_id else {}
        body |= {"partition_key": partition_key} if partition_key else {}
        return DagRun.model_validate(self._send("POST", f"/dags/{_part(dag_id)}/dagRuns", body))

    def run(self, dag_id: str, run_id: str) -> DagRun:
        return DagRun.model_validate(self._get(f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}"))

    def runs(
        self,
        dag_id: str,
        *,
        partition_key: str | None = None,
        states: Iterable[str] = (),
        run_type: str | None = None,
        changed_since: datetime | None = None,
    ) -> list[DagRun]:
        """The runs of a DAG, oldest first; `~` stands for all DAGs."""
        query: dict[str, Any] = {"order_by": "id", "state": list(states)}
        query |= {"updated_at_gte": changed_since.isoformat()} if changed_since else {}
        query |= {"run_type": run_type} if run_type else {}
        query |= {"partition_key_prefix_pattern": partition_key} if partition_key else {}
        found = self._pages(f"/dags/{_part(dag_id)}/dagRuns", "dag_runs", query)
        runs = [DagRun.model_validate(item) for item in found]
        return [run for run in runs if partition_key in (None, run.partition_key)]

    def tasks(self, dag_id: str, run_id: str) -> list[Task]:
        path = f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}/taskInstances"
        return [Task.model_validate(item) for item in self._pages(path, "task_instances")]

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Let the failed tasks of a run, and what waits for them, run again."""
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": True, "reset_dag_runs": True}
        self._send("POST", f"/dags/{_part(dag_id)}/clearTaskInstances", body)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """What a task handed on under a key."""
        run = f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}"
        return self._get(f"{run}/taskInstances/{_part(task_id)}/xcomEntries/{_part(key)}")["value"]

    def create_backfill(
        self,
        dag_id: str,
        first: date,
        last: date,
        *,
        reprocess: Literal["none", "failed", "completed"] = "none",
        max_active_runs: int = 1,
        conf: Mapping[str, Any] | None = None,
    ) -> Backfill:
        """Run the partitions from `first` to `last`, both included, in order.

        Args:
            dag_id: The DAG.
            first: The first partition's date, in the time zone of the DAG's timetable.
            last: The last partition's date.
            reprocess: What to do with a partition that has a run already: leave it, or run it again.
            max_active_runs: How many partitions may be under way at once.
            conf: Values for the DAG's params.
        """
        body: dict[str, Any] = {
            "dag_id": dag_id,
            "from_date": f"{first:%Y-%m-%d}T00:00:00Z",
            "to_date": f"{last:%Y-%m-%d}T00:00:00Z",
            "reprocess_behavior": reprocess,
            "max_active_runs": max_active_runs,
            "dag_run_conf": dict(conf) if conf else None,
        }
        return Backfill.model_validate(self._send("POST", "/backfills", body))

    def backfill(self, backfill_id: int) -> Backfill:
        return Backfill.model_validate(self._get(f"/backfills/{backfill_id}"))

    def wait_for_dags(self, dag_ids: Iterable[str], *, timeout: float = 60) -> None:
        """Wait until Airflow has parsed these DAGs; a file that it cannot load ends the wait."""
        wanted = set(dag_ids)

        def parsed() -> bool:
            if wanted <= {dag.dag_id for dag in self.dags()}:
                return True
            if problems := self.import_errors():
                raise ConfigurationError(
                    f"{problems[0].filename} cannot be loaded by Airflow:\n{problems[0].stack_trace}"
                )
            return False

        _wait(parsed, timeout, f"Airflow has not parsed {', '.join(sorted(wanted))}")

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float = 600, poll: float = 0.5) -> DagRun:
        """Wait for the end of a run, good or bad, and return it."""
        _wait(
            lambda: self.run(dag_id, run_id).finished,
            timeout,
            f"Run {run_id} of {dag_id} has not finished",
            poll,
        )
        return self.run(dag_id, run_id)

    def wait_for_backfill(self, backfill: Backfill, *, timeout: float = 600, poll: float = 0.5) -> Backfill:
        """Wait until the runs of a backfill have ended, and close it.

        The scheduler looks for finished backfills only twice a minute; until it has seen one, Airflow refuses
        the next for the same DAG. Cancelling one that has no run left closes it and changes nothing else.
        """

        def ended() -> bool:
            return not self.runs(backfill.dag_id, states=("queued", "running"), run_type="backfill")

        _wait(ended, timeout, f"Backfill {backfill.id} of {backfill.dag_id} has not finished", poll)
        if self.backfill(backfill.id).completed_at is None:
            # Refused if the scheduler was faster.
            with suppress(ConfigurationError):
                self._send("PUT", f"/backfills/{backfill.id}/cancel")
        return self.backfill(backfill.id)

    def _pages(self, path: str, name: str, query: Mapping[str, Any] | None = None) -> Iterator[Any]:
        seen = 0
        while True:
            page = self._get(path, {**(query or {}), "limit": _PAGE, "offset": seen})
            yield from page[name]
            seen += len(page[name])
            if not page[name] or seen >= page["total_entries"]:
                return

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Read; reading again does no harm, so a failure has to last to be one."""
        for _ in range(_READ_ATTEMPTS - 1):
            try:
                return self._send("GET", path, query=query)
            except Outage:
                time.sleep(1)
        return self._send("GET", path, query=query)

    def _send(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Any:
        if not self._token:
            self._log_in()
        response = self._request(method, f"/api/v2{path}", body, query)
        if self._user and response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            # The token has expired, or was signed by a server that has drawn new keys since.
            self._log_in()
            response = self._request(method, f"/api/v2{path}", body, query)
        return _content(response)

    def _log_in(self) -> None:
        self._token = ""
        body = {"username": self._user, "password": self._password.get_secret_value()}
        self._token = _content(self._request("POST", "/auth/token", body))["access_token"]

    def _request(
        self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            return self._client.request(method, path, json=body, params=query, headers=headers)
        except httpx.TransportError as error:
            raise Outage(
                f"Airflow at {self._client.base_url} does not answer ({error}): start it, or read its logs."
            ) from error


def _part(text: str) -> str:
    """A name as one part of a path: run ids hold `+`, which would mean a space."""
    return quote(text, safe="~")


def _content(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    request = response.request
    message = (
        f"Airflow refused {request.method} {request.url.path} ({response.status_code}): {_reason(response)}"
    )
    if response.is_server_error:
        raise Outage(message)
    if response.status_code == httpx.codes.NOT_FOUND:
        raise NotFound(message)
    raise ConfigurationError(message)


def _reason(response: httpx.Response) -> str:
    """The server's own words: a text, a list of complaints, or whatever it sent."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.text[:500]
    if isinstance(detail, list):
        return "; ".join(
            str(item.get("msg", item)) if isinstance(item, dict) else str(item) for item in detail
        )
    return str(detail.get("reason", detail)) if isinstance(detail, dict) else str(detail)


def _wait(done: Callable[[], bool], timeout: float, what: str, poll: float = 0.5) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            raise Outage(f"{what} within {timeout:.0f} s: look at it in the Airflow UI.")
        time.sleep(poll)
