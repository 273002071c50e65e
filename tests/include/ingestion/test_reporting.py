"""The suite, its results and their page: kept beside the decision, once."""

import json
from pathlib import Path

import great_expectations as gx
import pytest

from include.decisions import Verdict
from include.errors import GateRefused
from include.use_case_sections import Contract
from tests.include.ingestion.conftest import changed


def report_of(decision, kind):
    return Path(decision.evidence["reports"]["batch"].removesuffix("html") + kind)


def test_a_person_can_open_the_page_and_run_the_suite(home):
    decision, _ = home.ingest()
    page = report_of(decision, "html").read_text(encoding="utf-8")
    assert "<html" in page
    assert "arr_delay" in page
    suite = gx.ExpectationSuite(**json.loads(report_of(decision, "suite.json").read_text(encoding="utf-8")))
    results = json.loads(report_of(decision, "results.json").read_text(encoding="utf-8"))
    assert len(suite.expectations) == len(results["results"]) > 30
    assert results["success"]


def test_a_refusal_has_its_page_and_a_repeat_writes_nothing_new(home):
    home.change(changed("origin", "XXX", rows=slice(0, 5)))
    with pytest.raises(GateRefused) as caught:
        home.ingest()
    decision = home.ledger.get(caught.value.decision_id)
    page = report_of(decision, "html")
    before = page.stat().st_mtime_ns
    assert "XXX" in page.read_text(encoding="utf-8")
    with pytest.raises(GateRefused):
        home.ingest()
    assert page.stat().st_mtime_ns == before


def test_both_engines_give_the_same_decision_on_a_day(home):
    """But for the hash of the contract, and the tie of values in a page."""
    home.change(changed("distance", -1.0, rows=slice(3, 9)))
    found = []
    for engine in ("duckdb", "great_expectations"):
        contract = home.use_case.contract.model_dump() | {"engine": engine}
        with pytest.raises(GateRefused) as caught:
            home.ingest(contract=Contract.model_validate(contract))
        found.append(home.ledger.get(caught.value.decision_id))
    assert found[0].reasons == found[1].reasons
    assert found[0].verdict is Verdict.REFUSE
    assert [sorted(map(str, one.evidence["results"])) for one in found[:1]] == [
        sorted(map(str, one.evidence["results"])) for one in found[1:]
    ]
