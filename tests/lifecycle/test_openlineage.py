"""OpenLineage's events of a running Airflow: a published batch with its tables, a refused one without."""

from __future__ import annotations

import json

import pytest

from tests.lifecycle.conftest import Installation

pytestmark = pytest.mark.servers
GOOD, BROKEN = "2013-03-08", "2013-03-09"


def test_tasks_tell_of_what_they_read_and_wrote(installation: Installation) -> None:
    installation.workspace.landing.put(f"flights/{BROKEN}.parquet", b"PAR1 cut off")
    for day in (GOOD, BROKEN):
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
