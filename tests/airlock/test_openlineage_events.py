"""What OpenLineage is told of a task that published and of one that was refused, through its own client."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)
from openlineage.client.transport.file import FileConfig, FileTransport

from airlock.operators.ingestion import IngestBatchOperator
from include.errors import GateRefused
from include.settings import get_settings
from tests.include.ingestion.conftest import DAY, changed, home, prepared  # noqa: F401 -- fixtures


@pytest.fixture
def operator(home, monkeypatch):  # noqa: F811
    monkeypatch.setenv("AIRLOCK_HOME", str(home.folder))
    get_settings.cache_clear()
    yield IngestBatchOperator(task_id="ingest", use_case="flights")
    get_settings.cache_clear()


def run(operator):
    context = {"dag_run": SimpleNamespace(partition_key=DAY, triggering_user_name="ada", run_type="manual")}
    # Airflow lets a task alone call `execute`.
    return operator.execute.__wrapped__(operator, context)


def emitted(lineage, folder):
    """Send an event as the listener does, and read back what a consumer is given."""
    file = folder / "events.jsonl"
    client = OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(file), append=True)))
    client.emit(
        RunEvent(
            eventType=RunState.COMPLETE,
            eventTime=datetime.now(UTC).isoformat(),
            run=Run(runId=str(uuid4()), facets=lineage.run_facets),
            job=Job(namespace="airlock", name="flights.ingest"),
            inputs=lineage.inputs,
            outputs=lineage.outputs,
            producer="urn:tests",
        )
    )
    return json.loads(file.read_text())


def plain(facet):
    return {name: value for name, value in facet.items() if not name.startswith("_")}


def test_a_published_batch(operator, home, tmp_path):  # noqa: F811
    references = run(operator)
    event = emitted(operator.get_openlineage_facets_on_complete(None), tmp_path)
    decision = home.ledger.get(references["decision_id"])
    facet = event["run"]["facets"]["airlock_decision"]
    assert (facet["decisionId"], facet["verdict"]) == (decision.id, "pass")
    inputs = {InputDataset(**item).name: item for item in event["inputs"]}
    raw = decision.evidence["files"][0]
    batch = inputs[raw["raw"]]
    assert batch["namespace"] == "file"
    assert batch["facets"]["version"]["datasetVersion"] == raw["sha256"]
    metrics = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
        **plain(batch["inputFacets"]["dataQualityMetrics"])
    )
    assert (metrics.rowCount, metrics.bytes) == (decision.evidence["rows"], raw["size"])
    assert metrics.columnMetrics["distance"]["nullCount"] == 0
    checks = {
        found.assertion: found
        for item in batch["inputFacets"]["dataQualityAssertions"]["assertions"]
        if (found := data_quality_assertions_dataset.Assertion(**item))
    }
    assert len(checks) == sum(result["table"] == "batch" for result in decision.evidence["results"])
    assert all(check.success for check in checks.values())
    assert checks["origin.categories"].column == "origin"
    outputs = {OutputDataset(**item).name.rpartition("/")[2]: item for item in event["outputs"]}
    assert set(outputs) == {"batches", "side_weather", "profiles", "snapshots"}
    found = outputs["batches"]
    fields = [schema_dataset.SchemaDatasetFacetFields(**item) for item in found["facets"]["schema"]["fields"]]
    assert {field.name: field.type for field in fields}["distance"] == "long"
    assert found["facets"]["version"]["datasetVersion"] == f"4[partition={DAY}]"
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        **plain(found["outputFacets"]["outputStatistics"])
    )
    assert statistics.rowCount == len(home.rows())


def test_a_refused_batch_has_read_and_written_nothing(operator, home, tmp_path):  # noqa: F811
    home.change(changed("origin", "XXX"))
    with pytest.raises(GateRefused) as refused:
        run(operator)
    event = emitted(operator.get_openlineage_facets_on_failure(None), tmp_path)
    facet = event["run"]["facets"]["airlock_decision"]
    assert (facet["decisionId"], facet["verdict"]) == (refused.value.decision_id, "refuse")
    assert event["outputs"] == []
    checks = event["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    (broken,) = [check for check in checks if not check["success"]]
    assert (broken["assertion"], broken["severity"]) == ("origin.categories", "error")
    assert broken["actual"].startswith("9")


def test_a_task_that_found_no_decision_says_what_it_read(operator):
    lineage = operator.get_openlineage_facets_on_failure(None)
    assert (lineage.inputs, lineage.outputs, lineage.run_facets) == ([], [], {})
