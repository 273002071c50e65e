"""The contract run by Great Expectations: it counts as a slow reference does, and a crash opens no door."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions import Verdict
from include.ingestion.evidence import IngestionEvidence
from include.ingestion.gate import check
from include.ingestion.reading import EVENT_DATE
from include.ingestion.rules.gx_engine import validate_frame
from include.ingestion.rules.results import rule_results
from include.ingestion.suite import compile_suite
from include.use_case_sections import Contract

DAY = "2013-01-07"
CONTRACT = Contract.model_validate(
    {
        "columns": {
            "key": {"type": "integer"},
            "part": {"type": "string", "max_null_share": 1.0, "severity": "warn"},
            "size": {"type": "number", "min": -1.5, "max": 10.0, "max_null_share": 0.25},
            "low": {"type": "integer", "min": 0},
            "kind": {"type": "string", "categories": ["a", "b"], "severity": "warn", "max_null_share": 0.5},
        },
        "unique": ["key", "part"],
        "max_off_date_share": 0.1,
        "volume": {"min_rows": 2, "max_rows": 6, "severity": "warn"},
    }
)


def run(rows, contract=CONTRACT, partition=DAY):
    report = validate_frame(compile_suite("batch", contract, partition).suite, rows)
    return {result.rule: result for result in rule_results("batch", report, len(rows))}


def reference(rows):
    """The same counts row by row: rule -> (values looked at, violations)."""
    found = {}
    for name in ("key", "part", "size", "low", "kind"):
        found[f"{name}.null_share"] = (len(rows), sum(pd.isna(value) for value in rows[name]))
    sizes = [value for value in rows["size"] if not pd.isna(value)]
    found["size.range"] = (len(sizes), sum(not -1.5 <= value <= 10 for value in sizes))
    found["low.range"] = (len(rows), sum(value < 0 for value in rows["low"]))
    kinds = [value for value in rows["kind"] if not pd.isna(value)]
    found["kind.categories"] = (len(kinds), sum(value not in {"a", "b"} for value in kinds))
    dates = [value for value in rows[EVENT_DATE] if not pd.isna(value)]
    found["event_date"] = (len(dates), sum(value != DAY for value in dates))
    keys = [
        (key, None if pd.isna(part) else part) for key, part in zip(rows["key"], rows["part"], strict=True)
    ]
    found["unique"] = (len(rows), sum(keys.count(key) > 1 for key in keys))
    found["row_count"] = (max(len(rows), 1), int(not 2 <= len(rows) <= 6))
    return found


@st.composite
def frames(draw, low=1):
    count = draw(st.integers(low, 8))

    def column(values, kind):
        return pd.Series(draw(st.lists(values, min_size=count, max_size=count)), dtype=kind)

    return pd.DataFrame(
        {
            "key": column(st.integers(0, 3), "int64"),
            "part": column(st.sampled_from(["x", "y", None]), object),
            "size": column(st.floats(-20, 20) | st.sampled_from([np.nan, -1.5, 10.0, np.inf]), "float64"),
            "low": column(st.integers(-3, 3), "int64"),
            "kind": column(st.sampled_from(["a", "b", "c", "", None]), object),
            EVENT_DATE: column(st.sampled_from([DAY, DAY, "2013-01-06", "unreadable", None]), object),
        }
    )


@given(frames())
@settings(deadline=None, max_examples=25)
def test_the_counts_are_those_of_the_reference(rows):
    found = {rule: (result.checked, result.violations) for rule, result in run(rows).items()}
    assert found == reference(rows)


def test_a_table_without_rows_is_counted_too():
    empty = pd.DataFrame({name: [] for name in (*CONTRACT.columns, EVENT_DATE)}, dtype=object)
    found = run(empty)
    assert {rule for rule, result in found.items() if result.violations} == {"row_count"}
    assert found["row_count"].detail == "found 0, allowed 2 to 6"


def test_each_result_carries_what_the_gate_needs():
    rows = pd.DataFrame(
        {
            "key": [1, 1, 2],
            "part": ["x", "x", None],
            "size": [1.0, 99.0, np.nan],
            "low": [1, 2, 3],
            "kind": ["a", "wrong", "wronger"],
            EVENT_DATE: [DAY] * 3,
        }
    )
    found = run(rows)
    assert found["size.null_share"].model_dump() == {
        "table": "batch",
        "rule": "size.null_share",
        "expectation": "expect_column_values_to_not_be_null",
        "checked": 3,
        "violations": 1,
        "limit": 0.25,
        "share": True,
        "severity": "refuse",
        "mode": "fail_closed",
        "detail": "",
        "examples": [],
    }
    assert found["kind.categories"].examples == ["wrong", "wronger"]
    assert found["kind.categories"].severity == "warn"
    assert found["size.range"].examples == ["99.0"]
    assert (found["unique"].share, found["unique"].violations) == (False, 2)
    assert (found["event_date"].limit, found["event_date"].share) == (0.1, True)
    assert (found["row_count"].share, found["row_count"].severity, found["row_count"].detail) == (
        False,
        "warn",
        "",
    )


@pytest.mark.parametrize(
    ("contract", "partition", "rules"),
    [
        ({"columns": {"a": {"type": "string"}}}, None, ["a.null_share", "row_count"]),
        ({"columns": {"a": {"type": "string"}}}, DAY, ["a.null_share", "event_date", "row_count"]),
        (
            {"columns": {"a": {"type": "integer", "max": 0}}, "unique": ["a"]},
            None,
            ["a.null_share", "a.range", "unique", "row_count"],
        ),
    ],
    ids=["least", "dated", "one column unique"],
)
def test_the_rules_follow_the_contract(contract, partition, rules):
    suite = compile_suite("batch", Contract.model_validate(contract), partition).suite
    assert [expectation.meta["rule"] for expectation in suite.expectations] == rules


def test_one_column_may_be_unique_by_itself():
    contract = Contract.model_validate({"columns": {"a": {"type": "integer"}}, "unique": ["a"]})
    found = run(pd.DataFrame({"a": [1, 2, 2, 3]}), contract, None)
    assert (found["unique"].violations, found["unique"].examples) == (2, ["2", "2"])


def test_an_expectation_that_crashes_counts_as_broken_by_every_row():
    """Here the values of a column cannot be compared with its limits."""
    contract = Contract.model_validate({"columns": {"a": {"type": "string", "min": 0, "max": 9}}})
    found = run(pd.DataFrame({"a": ["x", "y", "z"]}), contract, None)["a.range"]
    assert (found.checked, found.violations) == (3, 3)
    assert "must either be None or of the same type" in found.detail
    evidence = IngestionEvidence(files=[], results=[found], rows=3)
    assert check(evidence, contract).verdict is Verdict.REFUSE


def test_a_missing_column_is_no_silent_pass():
    contract = Contract.model_validate({"columns": {"a": {"type": "string"}, "b": {"type": "string"}}})
    found = run(pd.DataFrame({"a": ["x", "y"]}), contract, None)["b.null_share"]
    assert found.violations == 2
    assert 'The column "b" in BatchData does not exist' in found.detail


def test_nullable_types_are_counted_alike():
    contract = Contract.model_validate(
        {"columns": {"i": {"type": "integer", "max": 2, "max_null_share": 1}, "f": {"type": "boolean"}}}
    )
    rows = pd.DataFrame({"i": pd.array([1, 5, None], "Int64"), "f": pd.array([True, None, None], "boolean")})
    found = run(rows, contract, None)
    assert {rule: result.violations for rule, result in found.items()} == {
        "i.null_share": 1,
        "i.range": 1,
        "f.null_share": 2,
        "row_count": 0,
    }
