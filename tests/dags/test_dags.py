"""The DAGs that exist, the edges whose loss would be a disaster, and what a parse may cost and import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.settings import PROJECT_ROOT

HEAVY = (
    "pandas",
    "sklearn",
    "mlflow",
    "great_expectations",
    "evidently",
    "deltalake",
    "scipy",
    "numpy",
    "boto3",
)

IN_ORDER = ("ingest", "features", "score", "monitor", "train")
STAGES = (*IN_ORDER, "report")
# Started by a person only, so it has no schedule and no place in the order of partitions.
BY_HAND = ("rollback", "quarantine", "rebuild_features")
EXPECTED = {"airlock.maintenance", *(f"flights.{stage}" for stage in (*STAGES, *BY_HAND))}

# As the DAG processor does it: Airflow is imported once, and each parse is a process forked from that.
SCRIPT = """
import json, os, sys, warnings
warnings.simplefilter("error")
from airflow.dag_processing.dagbag import DagBag
folder, heavy = sys.argv[1], json.loads(sys.argv[2])
before = set(sys.modules)

def parse(environment):
    os.environ.update(environment)
    bag = DagBag(folder)
    dags = {
        dag.dag_id: {
            "schedule": type(dag.timetable).__name__,
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "owner": dag.owner,
            "tags": sorted(dag.tags),
            "doc": dag.doc_md or "",
            "end": dag.end_date.isoformat() if dag.end_date else None,
            "edges": sorted([one.task_id, after] for one in dag.tasks for after in one.downstream_task_ids),
            "outlets": sorted(outlet.name for task in dag.tasks for outlet in task.outlets),
            "policies": sorted({type(task.retry_policy).__name__ for task in dag.tasks}),
            "priorities": sorted({(task.priority_weight, str(task.weight_rule)) for task in dag.tasks}),
            "file": dag.fileloc.rsplit("/", 1)[-1],
        }
        for dag in bag.dags.values()
    }
    imported = [name for name in heavy if name in set(sys.modules) - before]
    print(json.dumps({"errors": bag.import_errors, "heavy": imported, "dags": dags}), flush=True)

for line in sys.stdin:
    if os.fork() == 0:
        try:
            parse(json.loads(line))
            os._exit(0)
        finally:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    _, status = os.wait()
    if status:
        sys.exit("the parse failed")
"""

Parse = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parse]:
    """Return what parses the DAG folder, with variables that are set before."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(PROJECT_ROOT / "dags"), json.dumps(HEAVY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "PYTHONPATH": f"{PROJECT_ROOT}:{PROJECT_ROOT / 'plugins'}",
        },
    ) as parser:
        assert parser.stdin is not None
        assert parser.stdout is not None
        asked, answered = parser.stdin, parser.stdout

        def found(**environment: str) -> dict[str, Any]:
            asked.write(json.dumps(environment) + "\n")
            asked.flush()
            answer = next((line for line in answered if line.startswith("{")), None)
            assert answer is not None, "the parse failed: see what it wrote"
            return dict(json.loads(answer))

        yield found
        asked.close()


@pytest.fixture(scope="module")
def parsed(parse: Parse) -> dict:
    return parse()


def test_exactly_the_expected_dags_parse_without_errors_or_warnings(parsed: dict) -> None:
    assert parsed["errors"] == {}
    assert set(parsed["dags"]) == EXPECTED


def test_parsing_imports_no_heavy_library(parsed: dict) -> None:
    assert parsed["heavy"] == []


@pytest.mark.parametrize("dag_id", sorted(EXPECTED))
def test_every_dag_tells_the_person_on_call_what_to_do(parsed: dict, dag_id: str) -> None:
    dag = parsed["dags"][dag_id]
    assert "red" in dag["doc"]
    assert dag["owner"]
    assert "airlock" in dag["tags"]
    assert dag["policies"] == ["ExceptionRetryPolicy"] or dag_id == "airlock.maintenance"


@pytest.mark.parametrize(
    ("stage", "schedule", "outlet"),
    [
        ("ingest", "CronPartitionTimetable", "flights.batches"),
        ("features", "PartitionedAssetTimetable", "flights.features"),
        ("score", "PartitionedAssetTimetable", "flights.predictions"),
        ("monitor", "PartitionedAssetTimetable", "flights.health"),
        ("report", "PartitionedAssetTimetable", None),
        ("train", "CronPartitionTimetable", "flights.champion"),
    ],
)
def test_stages_meet_in_assets(parsed: dict, stage: str, schedule: str, outlet: str | None) -> None:
    dag = parsed["dags"][f"flights.{stage}"]
    assert dag["schedule"] == schedule
    assert dag["outlets"] == [outlet] * (outlet is not None)
    assert dag["file"] == f"{stage}.py"


@pytest.mark.parametrize("stage", IN_ORDER)
def test_partitions_are_worked_on_in_order_and_history_is_never_caught_up(parsed: dict, stage: str) -> None:
    # The checks of a day rest on the days before it; and unpausing must not start a year of runs.
    dag = parsed["dags"][f"flights.{stage}"]
    assert dag["max_active_runs"] == 1
    assert dag["catchup"] is False
    assert dag["end"].startswith("2014-01-01")


def test_pages_are_drawn_beside_each_other_where_pages_are_wanted(
    parsed: dict, parse: Parse, tmp_path: Path
) -> None:
    # No page rests on another, and monitoring must not wait for them.
    assert parsed["dags"]["flights.report"]["max_active_runs"] > 1
    folder = tmp_path / "use_cases"
    copy_use_case(folder, "plain", **{"\nmonitoring:\n": "\nmonitoring:\n  report: false\n"})
    found = parse(AIRLOCK_USE_CASES_DIR=str(folder))
    assert found["errors"] == {}
    assert "plain.monitor" in found["dags"]
    assert "plain.report" not in found["dags"]


def test_what_is_under_way_ends_before_new_days_begin(parsed: dict) -> None:
    given = {stage: parsed["dags"][f"flights.{stage}"]["priorities"] for stage in (*STAGES, *BY_HAND)}
    assert {rule for priorities in given.values() for _, rule in priorities} == {"absolute"}
    weight = {stage: weight for stage, ((weight, _),) in given.items()}
    assert (
        weight["report"]
        < weight["ingest"]
        < weight["features"]
        < weight["score"]
        < weight["monitor"]
        < weight["train"]
    )
    assert min(weight["rollback"], weight["quarantine"]) > weight["train"]


def test_nothing_is_promoted_before_it_is_evaluated(parsed: dict) -> None:
    # Without these edges an untested model could decide.
    assert parsed["dags"]["flights.train"]["edges"] == [["evaluate", "promote"], ["train", "evaluate"]]


def test_a_person_stands_between_evaluation_and_promotion_where_one_is_asked(
    parse: Parse, tmp_path: Path
) -> None:
    folder = tmp_path / "use_cases"
    asked = "promotion:\n  approval: {approvers: [ada, grace], timeout_hours: 48}\n\nevaluation:\n  gates:"
    copy_use_case(folder, "careful", **{"evaluation:\n  gates:": asked})
    found = parse(AIRLOCK_USE_CASES_DIR=str(folder))
    assert found["errors"] == {}
    assert found["dags"]["careful.train"]["edges"] == [
        ["approve", "promote"],
        ["evaluate", "approve"],
        ["evaluate", "promote"],
        ["train", "evaluate"],
    ]


def test_a_rollback_is_started_by_a_person_whenever_it_is_needed(parsed: dict) -> None:
    dag = parsed["dags"]["flights.rollback"]
    assert (dag["schedule"], dag["end"], dag["outlets"]) == ("NullTimetable", None, ["flights.champion"])


def test_a_rebuild_publishes_features_and_fails_for_refused_dates_only_after(parsed: dict) -> None:
    dag = parsed["dags"]["flights.rebuild_features"]
    assert (dag["schedule"], dag["end"], dag["outlets"]) == ("NullTimetable", None, ["flights.features"])
    assert dag["edges"] == [["rebuild", "refused"]]


def test_only_monitoring_orders_a_training(parsed: dict) -> None:
    assert parsed["dags"]["flights.monitor"]["edges"] == [["monitor", "order_training"]]


def copy_use_case(folder: Path, name: str, **changes: str) -> None:
    """Copy the flights use case under another name, with texts replaced."""
    source = PROJECT_ROOT / "include" / "use_cases" / "flights"
    target = folder / name
    target.mkdir(parents=True)
    text = (source / "use_case.yaml").read_text(encoding="utf-8").replace("name: flights", f"name: {name}", 1)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (target / "use_case.yaml").write_text(text, encoding="utf-8")
    (target / "features.py").write_text(
        (source / "features.py").read_text(encoding="utf-8"), encoding="utf-8"
    )


def test_one_broken_use_case_is_one_import_error_and_hides_no_other(parse: Parse, tmp_path: Path) -> None:
    folder = tmp_path / "use_cases"
    copy_use_case(folder, "sound")
    copy_use_case(folder, "broken", **{"roc_auc, min": "roc_auck, min"})
    found = parse(AIRLOCK_USE_CASES_DIR=str(folder))
    assert set(found["dags"]) == {"airlock.maintenance", *(f"sound.{stage}" for stage in (*STAGES, *BY_HAND))}
    (error,) = found["errors"].values()
    assert "use_case.yaml: evaluation.gates[0].metric: 'roc_auck' is not possible" in error


def test_a_task_start_reads_only_its_own_use_case(parse: Parse, tmp_path: Path) -> None:
    folder = tmp_path / "use_cases"
    for name in ("one", "two"):
        copy_use_case(folder, name)
    found = parse(
        AIRLOCK_USE_CASES_DIR=str(folder),
        _AIRFLOW_PARSING_CONTEXT_DAG_ID="two.score",
        _AIRFLOW_PARSING_CONTEXT_TASK_ID="score",
    )
    assert "two.score" in found["dags"]
    assert not any(dag_id.startswith("one.") for dag_id in found["dags"])


def test_ingestion_is_one_task_and_waits_only_where_that_is_declared(
    parse: Parse, parsed: dict, tmp_path: Path
) -> None:
    assert parsed["dags"]["flights.ingest"]["edges"] == []
    copy_use_case(tmp_path / "use_cases", "patient", **{"source:": "source:\n  wait: {timeout_minutes: 5}"})
    found = parse(AIRLOCK_USE_CASES_DIR=str(tmp_path / "use_cases"))
    assert found["errors"] == {}
    assert found["dags"]["patient.ingest"]["edges"] == [["wait_for_files", "ingest"]]
