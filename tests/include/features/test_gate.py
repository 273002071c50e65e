"""The gate of features: a table of cases, and that worse figures never help."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions import Verdict
from include.features.gate import FeatureEvidence, check
from include.use_case_sections import Features

SOUND = FeatureEvidence(
    feature_set_version="v",
    features=3,
    batch_rows=100,
    rows=100,
    repeated_keys=0,
    labelled=90,
    nulls={},
    out_of_range={},
)
CASES = {
    "sound": ({}, "pass", ["3 features of 100 rows"]),
    "nulls at the limit": ({"nulls": {"x": 20}}, "pass", ["3 features of 100 rows"]),
    "nulls above it": ({"nulls": {"x": 21}}, "refuse", ["x is null in 21.0% of rows, allowed 20.0%"]),
    "its own limit": (
        {"nulls": {"x": 21, "y": 21}, "max_null_shares": {"x": 0.5, "y": 0.1}},
        "refuse",
        ["y is null in 21.0% of rows, allowed 10.0%"],
    ),
    "out of range": (
        {"out_of_range": {"x": 7}},
        "warn",
        ["x had 7 values outside its range; they were made null"],
    ),
    "no label at all": ({"labelled": 0}, "pass", ["3 features of 100 rows"]),
    "lost rows": ({"rows": 99}, "refuse", ["99 rows were built from 100 rows of the batch"]),
    "no rows": ({"rows": 0, "batch_rows": 0, "labelled": 0}, "refuse", ["the batch has no rows"]),
    "keys twice": ({"repeated_keys": 2}, "refuse", ["2 row keys appear more than once; see problem.key"]),
    "too much out of range": (
        {"out_of_range": {"x": 11}},
        "refuse",
        ["x had 11 values outside its range; they were made null (11.0% of rows, allowed 10.0%)"],
    ),
    "a name of each row": (
        {"categories": {"x": 1001, "y": 1000}},
        "refuse",
        ["x has 1001 different values, allowed 1000; a name of each row is no category"],
    ),
    "constant for long": (
        {"constant": {"x": 28, "y": 27}},
        "warn",
        ["x has had one and the same value for 28 days"],
    ),
    "constant among few rows": (
        {"constant": {"x": 28}, "rows": 99, "batch_rows": 99},
        "pass",
        ["3 features of 99 rows"],
    ),
    "twice the same": (
        {"duplicated": [("x", "y")]},
        "warn",
        ["x and y are equal in every row; remove one"],
    ),
    "another date": (
        {"off_date": 3, "off_date_allowed": 0.02},
        "refuse",
        [
            "3 rows are of another date than their partition (3.0%, allowed 2.0%); see "
            "contract.max_off_date_share"
        ],
    ),
    "known before it happened": (
        {"early": 1, "off_date_allowed": 0.0},
        "refuse",
        [
            "1 rows may be seen before the date of their event (1.0%, allowed 0.0%); see "
            "contract.max_off_date_share"
        ],
    ),
    "out of order": (
        {"unordered": 2},
        "refuse",
        ["2 rows are not in the order of their events"],
    ),
    "no side table": (
        {"missing_tables": ["weather"]},
        "refuse",
        [
            "nothing was published of the side table weather for this date; land it and ingest the partition "
            "again, or declare when_missing='null'"
        ],
    ),
    "a side table at odds": ({"table_faults": ["it says two things"]}, "refuse", ["it says two things"]),
    "refusals before warnings": (
        {"out_of_range": {"y": 1}, "nulls": {"x": 100}},
        "refuse",
        [
            "x is null in 100.0% of rows, allowed 20.0%",
            "y had 1 values outside its range; they were made null",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "verdict", "reasons"), CASES.values(), ids=CASES)
def test_verdicts(changes, verdict, reasons):
    ruling = check(SOUND.model_copy(update=changes), Features(max_null_share=0.2))
    assert (ruling.verdict.value, ruling.reasons) == (verdict, reasons)


@pytest.mark.parametrize("finding", ["allow", "warn", "refuse"])
def test_a_use_case_chooses_what_a_finding_means(finding):
    evidence = SOUND.model_copy(update={"constant": {"x": 28}, "duplicated": [("y", "z")]})
    ruling = check(evidence, Features(constant=finding, duplicated=finding))
    assert ruling.verdict.value == {"allow": "pass"}.get(finding, finding)


COUNTS = st.integers(0, 100)
SEVERITY = [Verdict.PASS, Verdict.WARN, Verdict.REFUSE]


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.floats(0, 1))
@settings(deadline=None)
def test_more_faults_never_give_a_better_verdict(nulls, outside, repeated, more, share):
    def verdict(extra):
        evidence = SOUND.model_copy(
            update={
                "nulls": {"x": nulls + extra},
                "out_of_range": {"x": outside + extra} if outside + extra else {},
                "repeated_keys": repeated + extra,
            }
        )
        return SEVERITY.index(check(evidence, Features(max_null_share=share)).verdict)

    assert verdict(more) >= verdict(0)
