"""The lifecycle on a real Airflow, by its three uses: schedule, REST, backfill.

The tests build on each other, in order: one history of 2013 serves them all (history.py).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest

from cli import processes
from cli.airflow_api import AirflowApi
from cli.credentials import password_of
from cli.demo.calendar import BLIZZARD
from cli.demo.drill import alter
from cli.demo.findings import find
from cli.environment import airflow_environment
from include import partitions
from include.champions import newest_champion
from include.decisions import Decision
from include.lake import TABLES
from include.registry import CHAMPION
from tests.lifecycle.conftest import STAGES, Installation, declare
from tests.lifecycle.history import DRILL, LONG, REASON, THROUGH_AIRFLOW, TRAINED, WEEKS, live

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1800)]


def tables(installation: Installation) -> dict[str, int]:
    """Return the version of every table."""
    return {table: installation.workspace.lake.version("flights", table) for table in TABLES}


def data_files(installation: Installation) -> dict[str, bytes]:
    """Return every file of the lake's tables, so that two moments can be compared byte for byte."""
    root = Path(installation.settings.lake) / "flights"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_dags_parse_and_stand_in_the_schedule(installation: Installation) -> None:
    assert installation.api.import_errors() == []
    dags = {dag.dag_id: dag for dag in installation.api.dags()}
    assert set(dags) == {
        "airlock.maintenance",
        *(
            f"{name}.{s}"
            for name in ("flights", "live")
            for s in (*STAGES, "rollback", "quarantine", "rebuild_features")
        ),
    }
    assert dags["flights.ingest"].timetable_partitioned
    assert dags["flights.ingest"].next_run_after is None, "the data of 2013 has ended, so nothing is due"
    assert dags["live.ingest"].next_run_after is not None
    assert dags["live.train"].next_run_after is not None
    assert dags["airlock.maintenance"].next_run_after is not None


def test_a_partition_triggered_by_rest_goes_through_the_stages(installation: Installation) -> None:
    run = installation.run_to_end("flights.ingest", partition_key="2013-01-01")
    assert run.state == "success"
    assert run.partition_key == "2013-01-01"
    result = installation.api.xcom("flights.ingest", run.run_id, "ingest")
    decision = installation.ledger.get(result["decision_id"])
    assert (decision.gate, decision.partition, decision.verdict.value) == ("ingestion", "2013-01-01", "pass")
    assert decision.actor == installation.settings.airflow_user
    deadline = time.monotonic() + 120
    while (
        not (runs := installation.api.runs("flights.score", partition_key="2013-01-01"))
        or not runs[0].finished
    ):
        assert time.monotonic() < deadline, "the partition did not reach scoring"
        time.sleep(0.5)
    assert installation.states(runs[0]) == {"score": "skipped"}, "there is no champion yet"


def test_a_rebuild_of_many_dates_is_one_run_and_scoring_follows_by_partition(
    installation: Installation,
) -> None:
    day, never = "2013-01-01", "2012-12-31"
    lake, dag_id = installation.workspace.lake, "flights.rebuild_features"
    built = lake.read("flights", "features", partitions=[day])
    version, content = built["feature_set_version"].iloc[0], lake.content_hash("flights", "features", day)
    lake.write_partition(
        "flights",
        "features",
        day,
        built.iloc[:0][["row_key", "known_at"]],
        source_hash="",
        contract_hash="",
        version=version,
    )
    installation.api.set_paused(dag_id, False)
    asked = {"from": never, "to": day, "all": True}
    run = installation.run_to_end(dag_id, conf=asked)
    assert installation.states(run) == {"rebuild": "success", "refused": "success"}
    rebuilt = installation.api.xcom(dag_id, run.run_id, "rebuild")
    assert (rebuilt["changed"], rebuilt["missing"]) == ([day], [never])
    assert lake.content_hash("flights", "features", day) == content
    deadline = time.monotonic() + 120
    while len(runs := installation.api.runs("flights.score", partition_key=day)) < 2 or not runs[-1].finished:
        assert time.monotonic() < deadline, "scoring did not follow the rebuilt partition"
        time.sleep(0.5)
    again = installation.run_to_end(dag_id, conf=asked)
    assert installation.states(again) == {"rebuild": "skipped", "refused": "skipped"}, "nothing changed"
    assert len(installation.api.runs("flights.score")) == 2
    backwards = installation.run_to_end(dag_id, conf={"from": day, "to": never})
    assert installation.states(backwards) == {"rebuild": "failed", "refused": "upstream_failed"}


def test_a_missing_batch_is_a_decision_and_never_retried(installation: Installation) -> None:
    key = installation.flights.source.path.replace("{partition}", "2013-03-10")
    content = installation.workspace.landing.get(key)
    installation.workspace.landing.delete(key)
    try:
        run = installation.run_to_end("flights.ingest", partition_key="2013-03-10")
    finally:
        installation.workspace.landing.put(key, content)
    assert run.state == "failed"
    (task,) = installation.api.tasks("flights.ingest", run.run_id)
    assert task.try_number == 1
    (decision,) = installation.ledger.find(use_case="flights", gate="ingestion", partition="2013-03-10")
    assert decision.verdict.value == "refuse"
    assert "is missing" in decision.reasons[0]
    assert not installation.api.runs("flights.features", partition_key="2013-03-10")


def test_weeks_in_order_give_the_promotions_of_2013(installation: Installation) -> None:
    for week in WEEKS:
        live(installation, week)
    found = find(installation.flights, WEEKS, installation.workspace)
    expected = [f"no training as of {week.as_of}" for week in WEEKS if week not in TRAINED]
    assert [problem for problem in found.problems if "2013-03-10" not in problem] == expected
    refused = {day for day, decision in found.ingested.items() if not decision.verdict.opens}
    assert refused - {"2013-03-10"} == BLIZZARD
    blizzard = " ".join(found.ingested["2013-02-08"].reasons)
    assert "arr_delay.null_share" in blizzard
    assert "volume" in blizzard
    promoted = [
        decision.as_of
        for decision in reversed(installation.ledger.find(use_case="flights", gate="promotion"))
        if decision.verdict.opens
    ]
    assert promoted == sorted(promoted)
    assert promoted[0] == ("2013-01-14" if LONG else "2013-01-28")
    assert len(promoted) >= (4 if LONG else 3)
    assert set(promoted) & {week.as_of for week in WEEKS if not THROUGH_AIRFLOW.isdisjoint(week.days)}
    champion = newest_champion(installation.ledger, "flights")
    assert champion is not None
    assert installation.workspace.registry.alias_version("flights", CHAMPION) == champion.version


def test_training_by_rest_takes_as_of_and_reason(installation: Installation) -> None:
    as_of = WEEKS[-1].as_of
    run = installation.api.runs("flights.train")[-1]  # the last one that the weeks above asked for
    assert run.conf == {"as_of": as_of, "reason": REASON}
    trained = installation.api.xcom("flights.train", run.run_id, "train")
    assert trained["as_of"] == as_of
    tags = installation.workspace.registry.run(trained["run_id"]).data.tags
    assert (tags["airlock.as_of"], tags["airlock.reason"]) == (as_of, REASON)


def test_a_report_and_a_decision_open_in_the_ui_for_those_who_may(installation: Installation) -> None:
    run = installation.api.runs("flights.monitor", partition_key="2013-02-12")[-1]
    health = installation.api.xcom("flights.monitor", run.run_id, "monitor")
    base = installation.running.airflow_url
    body = {
        "username": installation.settings.airflow_user,
        "password": password_of(installation.settings),
    }
    token = httpx.post(f"{base}/auth/token", json=body, trust_env=False).json()["access_token"]
    with httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
        for path in (
            f"/airlock/reports/{health['report']}",
            f"/airlock/decisions/{health['drift_id']}",
            run_page(installation, run.run_id),
            "/airlock/",
        ):
            assert client.get(path).status_code == httpx.codes.UNAUTHORIZED
            page = client.get(path, headers={"Authorization": f"Bearer {token}"})
            assert page.status_code == httpx.codes.OK
            assert "<html" in page.text
        of_run = client.get(
            run_page(installation, run.run_id), headers={"Authorization": f"Bearer {token}"}
        ).text
        for name in ("drift_id", "performance_id", "concept_id", "retraining_id"):
            assert f"/airlock/decisions/{health[name]}" in of_run
        assert f"/airlock/reports/{health['report']}" in of_run
        beside = next(key for key in installation.workspace.reports.list() if "2013-02-12/drift-" in key)
        drawn = client.get(f"/airlock/reports/{beside}", headers={"Authorization": f"Bearer {token}"}).text
        assert "drawDashboard" in drawn
        assert "<script src=" not in drawn, "it is whole: what it is drawn by is in it"
        hidden = client.get(
            "/airlock/reports/flights/..%2F../secrets", headers={"Authorization": f"Bearer {token}"}
        )
        assert hidden.status_code == httpx.codes.NOT_FOUND
    links = client_links(installation, run.run_id)
    assert links["Decision"] == f"/airlock/decisions/{health['retraining_id']}"
    assert links["Report"] == f"/airlock/reports/{health['report']}"


def run_page(installation: Installation, run_id: str) -> str:
    """Return where Airflow's own page of a run leads to, as its front end fills the address in."""
    plugins = installation.api._get("/plugins")["plugins"]
    (href,) = (
        view["href"] for one in plugins for view in one["external_views"] if view["destination"] == "dag_run"
    )
    filled: str = href.replace("{DAG_ID}", "flights.monitor").replace("{RUN_ID}", quote(run_id, safe=""))
    return filled


def client_links(installation: Installation, run_id: str) -> dict[str, str]:
    path = f"/dags/flights.monitor/dagRuns/{run_id.replace('+', '%2B')}/taskInstances/monitor/links"
    links: dict[str, str] = installation.api._get(path)["extra_links"]
    return links


def test_reprocessing_a_completed_range_changes_no_byte(installation: Installation) -> None:
    before, versions = data_files(installation), tables(installation)
    decisions, _ = installation.ledger.verify()
    days = WEEKS[-1].days[:2]
    first, last = map(partitions.parse, days)
    backfill = installation.api.create_backfill("flights.ingest", first, last, reprocess="completed")
    settle(installation, days, runs_each=2)
    installation.api.wait_for_backfill(backfill)
    assert tables(installation) == versions
    assert data_files(installation) == before
    # The same verdict on the same evidence is no news; that these days are history by now is.
    count, _ = installation.ledger.verify()
    news = installation.ledger.find(use_case="flights", limit=count - decisions) if count > decisions else []
    assert {decision.gate for decision in news} <= {"retraining"}
    assert all("is historical" in decision.reasons[0] for decision in news)


def monitored(installation: Installation, day: str) -> int:
    """Return how many runs of monitoring have finished for a day."""
    return sum(run.finished for run in installation.api.runs("flights.monitor", partition_key=day))


def settle(installation: Installation, days: Sequence[str], *, runs_each: int) -> None:
    """Wait until monitoring has finished so many runs for each day."""
    deadline = time.monotonic() + 600
    for day in days:
        while monitored(installation, day) < runs_each:
            assert time.monotonic() < deadline, f"monitoring of {day} did not finish"
            time.sleep(1)


def ordered(installation: Installation) -> list[Decision]:
    """Return the decisions by which monitoring ordered a training; those that people asked for are others."""
    found = installation.ledger.find(use_case="flights", gate="retraining")
    return [one for one in found if one.verdict.opens and one.evidence["asked_by"] == "monitoring"]


def test_drift_orders_a_training_that_goes_through_every_gate(installation: Installation) -> None:
    alter(installation.flights, DRILL.days, installation.workspace.landing)
    live(installation, DRILL)
    (order,) = ordered(installation)
    assert order.as_of == DRILL.as_of
    suppressed = installation.ledger.find(use_case="flights", gate="retraining", partition=DRILL.days[4])[0]
    assert "cool-down" in suppressed.reasons[0]
    (run,) = [run for run in installation.api.runs("flights.train") if run.run_id.startswith("monitor__")]
    assert run.conf is not None
    assert run.conf["decision_id"] == order.id
    assert run.conf["reason"] == "monitoring"
    assert installation.ledger.find(use_case="flights", gate="evaluation")[0].as_of == DRILL.as_of


def test_a_late_backfill_of_january_moves_nothing_and_says_so(installation: Installation) -> None:
    alias = installation.workspace.registry.alias_version("flights", CHAMPION)
    versions, before = tables(installation), data_files(installation)
    orders = [order.id for order in ordered(installation)]
    trainings = len(installation.api.runs("flights.train"))
    # In the short history, the first champion is of the 28th: the day before is not scored.
    days = partitions.span("2013-01-28", "2013-01-29")
    runs = monitored(installation, days[0])
    done = subprocess.run(
        [
            sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", "flights.ingest",
            "--from-date", "2013-01-27", "--to-date", "2013-01-29", "--reprocess-behavior", "completed",
            "--max-active-runs", "1",
        ],
        env=airflow_environment(
            installation.settings,
            api_port=httpx.URL(installation.running.airflow_url).port or 0,
            execution_port=httpx.URL(installation.running.execution_url).port or 0,
            mlflow_tracking_uri=installation.running.mlflow_url,
        ),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    settle(installation, days, runs_each=runs + 1)
    assert tables(installation) == versions
    assert data_files(installation) == before
    for day in days:
        (said, *_) = installation.ledger.find(use_case="flights", gate="retraining", partition=day)
        assert "is historical" in said.reasons[0]
    late = installation.run_to_end("flights.train", conf={"as_of": "2013-01-21", "reason": "late backfill"})
    assert late.state == "failed"
    assert installation.states(late)["promote"] == "failed"
    refusal = installation.ledger.find(use_case="flights", gate="promotion")[0]
    assert refusal.verdict.value == "refuse"
    assert "an older model never replaces a newer one" in refusal.reasons[0]
    assert installation.workspace.registry.alias_version("flights", CHAMPION) == alias
    assert [order.id for order in ordered(installation)] == orders
    assert len(installation.api.runs("flights.train")) == trainings + 1
    installation.ledger.verify()


def test_a_broken_use_case_is_one_import_error_and_the_others_run_on(installation: Installation) -> None:
    declare(installation.settings.use_cases_dir, "broken", ("roc_auc, min", "roc_auck, min"))
    try:
        deadline = time.monotonic() + 180
        while not (problems := installation.api.import_errors()):
            assert time.monotonic() < deadline, "the broken file was not noticed"
            time.sleep(1)
        (problem,) = problems
        assert (
            "evaluation.gates[0].metric: 'roc_auck' is not possible; choose one of 'roc_auc'"
            in problem.stack_trace
        )
        run = installation.run_to_end("flights.ingest", partition_key=DRILL.days[-1])
        assert run.state == "success"
    finally:
        (installation.settings.use_cases_dir / "broken" / "use_case.yaml").unlink()


def test_an_alias_moved_by_hand_is_found(installation: Installation) -> None:
    registry = installation.workspace.registry
    champion = newest_champion(installation.ledger, "flights")
    assert champion is not None
    registry.set_alias("flights", CHAMPION, "1")
    installation.api.set_paused("airlock.maintenance", False)
    run = installation.run_to_end("airlock.maintenance")
    states = installation.states(run)
    assert states["verify_ledger"] == "success"
    assert states["tidy_flights"] == "success"
    assert states["watch_flights"] == "success"
    assert states["reconcile_flights"] == "failed"
    registry.set_alias("flights", CHAMPION, champion.version)
    again = installation.run_to_end("airlock.maintenance")
    assert installation.states(again)["reconcile_flights"] == "success"


def test_mlflow_down_during_training_is_waited_for(installation: Installation) -> None:
    server = psutil.Process(installation.running.process("mlflow").pid)
    command, environment = server.cmdline(), server.environ()
    processes.end([installation.running.process("mlflow")], grace=1)
    as_of = partitions.shift(DRILL.as_of, 1)
    run = installation.api.trigger("flights.train", conf={"as_of": as_of, "reason": "MLflow is down"})
    deadline = time.monotonic() + 180
    while "up_for_retry" not in installation.states(run).values():
        assert time.monotonic() < deadline, f"the task did not wait for MLflow: {installation.states(run)}"
        time.sleep(0.5)
    versions = "name = 'flights'"
    with subprocess.Popen(command, env=environment, start_new_session=True) as again:
        try:
            ended = installation.api.wait_for_run("flights.train", run.run_id, timeout=400)
            tasks = {task.task_id: task for task in installation.api.tasks("flights.train", run.run_id)}
            assert tasks["train"].state == "success"
            assert tasks["train"].try_number > 1
            assert ended.finished
            registered = installation.workspace.registry.client.search_model_versions(versions)
            for version in registered:
                assert version.tags["airlock.evaluation_decision"]
                assert version.tags["airlock.model_sha256"]
        finally:
            os.killpg(again.pid, signal.SIGTERM)


def test_openlineage_is_told_what_tasks_read_and_wrote_also_of_a_refusal(installation: Installation) -> None:
    broken = "2013-03-09"
    installation.workspace.landing.put(f"flights/{broken}.parquet", b"PAR1 cut off")
    for day in ("2013-03-08", broken):
        installation.run_to_end("flights.ingest", partition_key=day)
    file = installation.settings.home / "lineage" / "events.jsonl"
    events = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    ended = {
        event["run"]["facets"]["airlock_decision"]["verdict"]: event
        for event in events
        if event["job"]["name"] == "flights.ingest.ingest" and event["eventType"] in {"COMPLETE", "FAIL"}
    }
    (published, refused) = (ended[verdict] for verdict in ("pass", "refuse"))
    assert (published["eventType"], refused["eventType"]) == ("COMPLETE", "FAIL")
    written = {item["name"].rpartition("/")[2] for item in published["outputs"]}
    assert {"batches", "side_weather", "profiles", "snapshots"} <= written
    assert refused["outputs"] == []
    failed = [
        check["assertion"]
        for item in refused["inputs"]
        for check in item["inputFacets"].get("dataQualityAssertions", {}).get("assertions", [])
        if not check["success"]
    ]
    assert failed == ["file"]


def test_a_token_is_needed(installation: Installation) -> None:
    answer = httpx.post(
        f"{installation.running.airflow_url}/api/v2/dags/flights.train/dagRuns",
        json={"logical_date": None, "conf": {}},
        trust_env=False,
    )
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert isinstance(installation.api, AirflowApi)
