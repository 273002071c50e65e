"""DuckDB and Great Expectations evaluate one suite alike: success, counts, examples and evidence."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from include.ingestion.evidence import IngestionEvidence
from include.ingestion.gate import check
from include.ingestion.rules import duckdb_engine, gx_engine
from include.ingestion.rules.context import RuleContext
from include.ingestion.rules.derived import derive
from include.ingestion.rules.results import rule_results
from include.ingestion.rules.rows import open_rows
from include.ingestion.staged import write_staged
from include.ingestion.suite import compile_suite
from include.use_case_sections import Contract

DAY = "2013-01-07"
NEW_YORK = SimpleNamespace(source=SimpleNamespace(event_time="time_hour", timezone="America/New_York"))
TEXT, MOMENT = pa.string(), pa.timestamp("us", "UTC")
TYPES = {
    "key": pa.int64(),
    "part": TEXT,
    "size": pa.float64(),
    "low": pa.int64(),
    "kind": TEXT,
    "code": TEXT,
    "flag": pa.bool_(),
    "time_hour": TEXT,
    "ref": TEXT,
}
CONTRACT = Contract.model_validate(
    {
        "columns": {
            "key": {"type": "integer", "max_null_share": 0.2},
            "part": {"type": "string", "max_null_share": 1.0, "severity": "warn"},
            "size": {"type": "number", "min": -1.5, "max": 10.0, "max_null_share": 0.25},
            "low": {"type": "integer", "min": 0, "max_broken_share": 0.3},
            "kind": {"type": "string", "categories": ["a", "b"], "severity": "warn", "max_unseen_share": 0.1},
            "code": {"type": "string", "pattern": r"[A-Z]\d{1,3}|-", "severity": "quarantine"},
            "flag": {"type": "boolean", "max_null_share": 0.5},
            "time_hour": {"type": "timestamp", "max_null_share": 0.5},
            "ref": {"type": "string", "max_null_share": 1.0},
        },
        "unique": ["key", "part"],
        "rows": [
            {"kind": "compare", "left": "low", "op": "<=", "right": "size"},
            {"kind": "compare", "left": "low", "op": ">", "right": "key", "max_share": 0.5},
            {"kind": "compare", "left": "kind", "op": "==", "right": "part", "severity": "warn"},
            {"kind": "compare", "left": "kind", "op": "!=", "right": "part"},
            {"kind": "implies_null", "when": "size", "then": ["low", "kind"]},
        ],
        "references": [{"columns": ["ref"], "table": "other", "to": ["name"], "max_missing_share": 0.1}],
        "freshness": {"max_silent_hours": 6},
        "max_off_date_share": 0.1,
        "volume": {"min_rows": 2, "max_rows": 6, "severity": "warn"},
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("engines")


def compare(rows, folder, contract=CONTRACT):
    """Evaluate with both engines, hold that they agree, and return the results."""
    staged = write_staged("batch", rows, folder)
    other = write_staged("other", pa.table({"name": ["x", "y", "y"]}), folder)
    context = RuleContext(NEW_YORK, DAY, folder, {"batch": staged, "other": other})
    suite = compile_suite("batch", contract, DAY).suite
    with open_rows(staged, folder) as opened:
        derive(opened, "batch", contract, context)
        ours, theirs = (engine.validate(suite, opened) for engine in (duckdb_engine, gx_engine))
    assert ours.success == theirs.success
    assert ours.statistics == theirs.statistics
    # Great Expectations puts those about the whole table elsewhere.
    for one, two in zip(by_rule(ours), by_rule(theirs), strict=True):
        assert one.expectation_config.type == two.expectation_config.type
        assert one.success == two.success, one.expectation_config
        assert comparable(one) == comparable(two), one.expectation_config
    results = [
        sorted(rule_results("batch", report, len(rows)), key=lambda found: found.rule)
        for report in (ours, theirs)
    ]
    assert results[0] == results[1]
    rulings = [
        check(IngestionEvidence(files=[], results=found, rows=len(rows)), contract) for found in results
    ]
    assert rulings[0] == rulings[1]
    return {result.rule: result for result in results[0]}


def by_rule(report):
    return sorted(report.results, key=lambda result: result.expectation_config.meta["rule"])


def comparable(result):
    """What a result says, as JSON; the ties of the tally stand in any order."""
    found = json.loads(json.dumps(result.to_json_dict()["result"]))
    if found.get("observed_value") is None:
        found.pop("observed_value", None)
    found.pop("partial_unexpected_counts", None)
    if result.expectation_config.type == "expect_column_values_to_not_be_null":
        found.pop("partial_unexpected_list")  # nothing, however it is written
    return {name: value for name, value in found.items() if value is not None}


def table(rows):
    return pa.table(
        {
            name: pa.array([row[number] for row in rows], kind)
            for number, (name, kind) in enumerate(TYPES.items())
        }
    )


ROWS = st.lists(
    st.tuples(
        st.integers(0, 3) | st.none(),
        st.sampled_from(["x", "y", None]),
        st.floats(-20, 20) | st.sampled_from([None, -1.5, 10.0, float("inf"), -0.0]),
        st.integers(-3, 3) | st.sampled_from([2**62 + 1, None]),
        st.sampled_from(["a", "b", "c", "x", "", None]),
        st.sampled_from(["A1", "B12", "C1234", "-", "a1", "A1\n", "Ä1", "", None]) | st.text(max_size=3),
        st.booleans() | st.none(),
        st.sampled_from(
            [
                f"{DAY}T12:00:00-05:00",
                f"{DAY}T23:30:00-05:00",
                "2013-01-08T04:30:00Z",
                "2013-01-06T10:00:00-05:00",
                "soon",
                None,
            ]
        ),
        st.sampled_from(["x", "y", "z", None]),
    ),
    min_size=1,
    max_size=8,
)


@given(rows=ROWS)
@examples(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_engines_give_the_same_verdict_counts_and_examples(rows, folder):
    compare(table(rows), folder)


CASES = {
    "no rows": [],
    "one row, all null": [(None,) * 9],
    "all good": [
        (number, "x", 5.0, number, "x", "A1", True, f"{DAY}T20:00:00-05:00", "x") for number in (0, 1, 2)
    ],
    "every row the same": [(1, "x", 99.0, -1, "c", "?", None, "2013-01-06T10:00:00-05:00", "z")] * 30,
    "no value in the key": [(None, None, 1.0, 1, "a", "A1", True, None, None)] * 3,
}


@pytest.mark.parametrize("rows", CASES.values(), ids=CASES)
def test_named_batches(rows, folder):
    compare(table(rows), folder)


def test_moments_have_the_local_date_of_the_zone(folder):
    """Also at the ends of the day, in New York's winter five hours behind."""
    moments = [
        datetime(2013, 1, 7, 5, 0, tzinfo=UTC),
        datetime(2013, 1, 8, 4, 59, 59, 999999, tzinfo=UTC),
        datetime(2013, 1, 7, 4, 59, 59, tzinfo=UTC),
        datetime(2013, 1, 8, 5, 0, tzinfo=UTC),
        None,
    ]
    contract = Contract.model_validate(
        {
            "columns": {"time_hour": {"type": "timestamp", "max_null_share": 1.0}},
            "freshness": {"max_silent_hours": 0.5},
        }
    )
    rows = pa.table({"time_hour": pa.array(moments, MOMENT)})
    found = compare(rows, folder, contract)
    assert (found["event_date"].checked, found["event_date"].violations) == (4, 2)
    assert found["event_date"].examples == ["2013-01-06", "2013-01-08"]
    assert found["freshness"].violations == 0
    early = compare(rows.slice(0, 1), folder, contract)["freshness"]
    assert (early.violations, early.detail) == (1, "found 0, allowed from 23.5")


def test_one_column_that_is_unique_by_itself(folder):
    contract = Contract.model_validate(
        {
            "columns": {
                "key": {"type": "integer", "max_null_share": 1},
                "time_hour": {"type": "timestamp", "max_null_share": 1},
            },
            "unique": ["key"],
            "max_duplicate_share": 0.5,
        }
    )
    rows = pa.table({"key": [1, 2, 2, None, None], "time_hour": pa.nulls(5, TEXT)})
    found = compare(rows, folder, contract)["unique"]
    assert (found.checked, found.violations, found.share, found.limit) == (3, 2, True, 0.5)


def test_what_cannot_be_compared_is_broken_by_every_row_and_hides_no_other_rule(folder):
    contract = Contract.model_validate(
        {
            "columns": {
                "a": {"type": "string", "min": 0, "max": 9},
                "b": {"type": "integer", "min": 0},
                "gone": {"type": "string"},
                "time_hour": {"type": "timestamp", "max_null_share": 1},
            }
        }
    )
    rows = pa.table({"a": ["x", "y"], "b": [-1, 1], "time_hour": pa.nulls(2, TEXT)})
    staged = write_staged("batch", rows, folder)
    context = RuleContext(NEW_YORK, DAY, folder, {"batch": staged})
    suite = compile_suite("batch", contract, DAY).suite
    with open_rows(staged, folder) as opened:
        derive(opened, "batch", contract, context)
        for engine in (duckdb_engine, gx_engine):
            found = {one.rule: one for one in rule_results("batch", engine.validate(suite, opened), 2)}
            assert (found["a.range"].violations, found["gone.null_share"].violations) == (2, 2)
            assert found["a.range"].detail
            assert found["gone.null_share"].detail
            assert (found["b.range"].violations, found["b.range"].examples) == (1, ["-1"])
