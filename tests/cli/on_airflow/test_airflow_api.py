from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime

import psutil
import pytest
from pydantic import SecretStr

from cli.airflow_answers import DagRun
from cli.airflow_api import AirflowApi
from cli.ports import free_ports
from cli.records import Running
from include.errors import ConfigurationError, NotFound, Outage
from include.settings import Settings
from tests.cli.on_airflow.guarded import USERS

pytestmark = pytest.mark.servers


def followers(api: AirflowApi, partition_key: str, count: int) -> list[DagRun]:
    """The runs that the asset started for a partition; the limit of the test ends a wait in vain."""
    while len(runs := api.runs("toy.features", partition_key=partition_key, states=["success"])) < count:
        time.sleep(0.2)
    return runs


def in_order(runs: list[DagRun]) -> list[str | None]:
    return [run.partition_key for run in sorted(runs, key=lambda run: run.start_date or datetime.now(UTC))]


def test_dags_and_their_schedules(toy_api: AirflowApi) -> None:
    assert toy_api.import_errors() == []
    dags = {dag.dag_id: dag for dag in toy_api.dags() if dag.dag_id.startswith("toy.")}
    assert set(dags) == {"toy.ingest", "toy.features", "toy.endless"}
    assert all(dag.timetable_partitioned for dag in dags.values())
    assert [dag.dag_id for dag in dags.values() if dag.is_paused] == ["toy.endless"]
    # Its data has ended, the other's has not.
    assert dags["toy.ingest"].next_run_after is None
    next_run = toy_api.dag("toy.endless").next_run_after
    assert next_run is not None
    assert next_run <= datetime.now(UTC)


def test_a_partition_runs_through_both_dags(toy_api: AirflowApi) -> None:
    queued = toy_api.trigger("toy.ingest", partition_key="2013-03-01", conf={"reason": "test"})
    run = toy_api.wait_for_run("toy.ingest", queued.run_id)
    assert (run.state, run.partition_key, run.logical_date) == ("success", "2013-03-01", None)
    assert toy_api.xcom("toy.ingest", run.run_id, "land") == {"key": "2013-03-01", "conf": {"reason": "test"}}
    tasks = {task.task_id: task.state for task in toy_api.tasks("toy.ingest", run.run_id)}
    assert tasks == {"land": "success", "publish": "success"}
    (follower,) = followers(toy_api, "2013-03-01", 1)
    assert follower.run_type == "asset_triggered"


def test_a_failed_task_starts_nothing(toy_api: AirflowApi) -> None:
    queued = toy_api.trigger("toy.ingest", partition_key="2013-03-02", conf={"fail": "publish"})
    assert toy_api.wait_for_run("toy.ingest", queued.run_id).state == "failed"
    # A later partition has come through: the failed one would have come before.
    later = toy_api.trigger("toy.ingest", partition_key="2013-03-03")
    toy_api.wait_for_run("toy.ingest", later.run_id)
    followers(toy_api, "2013-03-03", 1)
    assert toy_api.runs("toy.features", partition_key="2013-03-02") == []


def test_backfills_run_in_order_one_after_the_other(toy_api: AirflowApi) -> None:
    days = [f"2013-04-{day:02}" for day in range(1, 7)]
    for first, last in ((1, 3), (4, 6)):
        backfill = toy_api.create_backfill("toy.ingest", date(2013, 4, first), date(2013, 4, last))
        assert toy_api.wait_for_backfill(backfill).completed_at is not None
    runs = toy_api.runs("toy.ingest", run_type="backfill")
    assert in_order([run for run in runs if run.partition_key in days]) == days
    found = [run for day in days for run in followers(toy_api, day, 1)]
    assert in_order(found) == days


@pytest.mark.parametrize(("reprocess", "again"), [("none", 0), ("failed", 0), ("completed", 2)])
def test_reprocessing_a_range(toy_api: AirflowApi, reprocess: str, again: int) -> None:
    keys = ("2013-05-01", "2013-05-02")
    for key in keys:
        if not toy_api.runs("toy.ingest", partition_key=key):
            toy_api.wait_for_run("toy.ingest", toy_api.trigger("toy.ingest", partition_key=key).run_id)
    before = sum(len(toy_api.runs("toy.ingest", partition_key=key)) for key in keys)
    backfill = toy_api.create_backfill("toy.ingest", date(2013, 5, 1), date(2013, 5, 2), reprocess=reprocess)
    toy_api.wait_for_backfill(backfill)
    assert sum(len(toy_api.runs("toy.ingest", partition_key=key)) for key in keys) == before + again


def test_lists_are_read_to_their_end(toy_api: AirflowApi, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = toy_api.runs("~")
    monkeypatch.setattr("cli.airflow_api._PAGE", 1)
    assert len(expected) > 1
    # A follower of an earlier test may have come meanwhile; it stands last.
    found = [run.run_id for run in toy_api.runs("~")]
    assert found[: len(expected)] == [run.run_id for run in expected]


def test_runs_that_have_not_changed_since_are_left_out(toy_api: AirflowApi) -> None:
    before = toy_api.trigger("toy.ingest", partition_key="2013-06-01").run_id
    toy_api.wait_for_run("toy.ingest", before)
    since = datetime.now(UTC)
    after = toy_api.trigger("toy.ingest", partition_key="2013-06-02").run_id
    toy_api.wait_for_run("toy.ingest", after)
    changed = {run.run_id: run.state for run in toy_api.runs("toy.ingest", changed_since=since)}
    assert changed.get(after) == "success"
    assert before not in changed


def test_pausing(toy_api: AirflowApi) -> None:
    assert toy_api.set_paused("toy.features", True).is_paused
    assert not toy_api.set_paused("toy.features", False).is_paused


@pytest.mark.parametrize(
    ("request_of", "error", "reason"),
    [
        (lambda api: api.dag("nobody"), NotFound, "nobody"),
        (lambda api: api.trigger("nobody"), NotFound, "nobody"),
        (lambda api: api.xcom("toy.ingest", "no run", "land"), NotFound, "not found"),
        (lambda api: api.trigger("toy.ingest", partition_key="monday"), ConfigurationError, "key_format"),
        (
            lambda api: api.create_backfill("toy.features", date(2013, 1, 1), date(2013, 1, 2)),
            ConfigurationError,
            "non-periodic schedule",
        ),
    ],
    ids=["dag", "trigger", "xcom", "partition key", "backfill"],
)
def test_refusals_carry_the_reason_of_the_server(
    toy_api: AirflowApi, request_of: Callable[[AirflowApi], object], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        request_of(toy_api)


def test_a_run_of_one_name_is_made_once(toy_api: AirflowApi) -> None:
    toy_api.trigger("toy.ingest", partition_key="2013-06-01", run_id="once")
    with pytest.raises(ConfigurationError, match=r"409.*constraint"):
        toy_api.trigger("toy.ingest", partition_key="2013-06-01", run_id="once")


@pytest.fixture
def client(toy_settings: Settings, toy_airflow: Running) -> Iterator[Callable[..., AirflowApi]]:
    opened = []

    def connect(url: str = toy_airflow.airflow_url, **changes: SecretStr) -> AirflowApi:
        known = {"user": toy_settings.airflow_user, "password": toy_settings.airflow_password}
        opened.append(AirflowApi(url, **(known | changes)))
        return opened[-1]

    yield connect
    for api in opened:
        api.close()


def test_a_token_that_is_no_longer_good_is_renewed(client: Callable[..., AirflowApi]) -> None:
    api = client()
    api._token = "from another day"
    assert api.dags()


def test_a_wrong_password_is_told_from_a_server_that_is_down(client: Callable[..., AirflowApi]) -> None:
    with pytest.raises(ConfigurationError, match=r"/auth/token.*Invalid credentials"):
        client(password=SecretStr("guessed")).trigger("toy.ingest")
    with pytest.raises(Outage, match="does not answer"):
        client(f"http://127.0.0.1:{free_ports(1)[0]}").trigger("toy.ingest")


def test_a_wait_in_vain_says_what_for(toy_api: AirflowApi) -> None:
    with pytest.raises(Outage, match="has not parsed nobody within 0 s"):
        toy_api.wait_for_dags({"nobody"}, timeout=0)


def test_airflow_listens_on_loopback_only_and_keeps_secrets_off_command_lines(
    toy_settings: Settings, toy_airflow: Running
) -> None:
    listening, lines = set(), []
    for member in (member for process in toy_airflow.processes for member in process.members()):
        with suppress(psutil.NoSuchProcess):  # a task, or the parse of a file, that has ended meanwhile
            lines.append(" ".join(member.cmdline()))
            connections = member.net_connections("inet")
            listening |= {one.laddr.ip for one in connections if one.status == "LISTEN"}
    assert len(lines) >= len(toy_airflow.processes)
    assert listening == {"127.0.0.1"}
    folder = toy_settings.home / "secrets"
    secrets = [value for path in folder.iterdir() for value in json.loads(path.read_text()).values()]
    logs = [path.read_text() for path in (toy_settings.home / "logs").iterdir()]
    assert len(secrets) == 3 + len(USERS)
    assert not [secret for secret in secrets if any(secret in text for text in lines + logs)]
    assert {process.name for process in toy_airflow.processes} == {
        "execution-api",
        "api-server",
        "dag-processor",
        "scheduler",
    }
