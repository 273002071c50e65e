"""The verdict on a batch: figures in, verdict and reasons out."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions import Verdict, worst
from include.hashing import canonical_json
from include.ingestion.evidence import Fault, IngestionEvidence, LandedFile, RuleResult, VolumeResult
from include.ingestion.gate import RULE, check
from include.use_case_sections import Column, Contract, Volume

PASS, WARN, REFUSE = Verdict.PASS, Verdict.WARN, Verdict.REFUSE
FILES = [
    LandedFile(table="batch", source="in/2013-01-07.parquet", raw="raw/1", size=10, sha256="1"),
    LandedFile(table="weather", source="in/weather.parquet", raw="raw/2", size=10, sha256="2"),
]
FILE = "batch is in/2013-01-07.parquet"


def policy(**volume):
    return Contract(columns={"a": Column(type="integer")}, volume=Volume(**volume))


def result(violations=0, checked=1000, **changes):
    usual = {"table": "batch", "rule": "a.null_share", "expectation": "x", "limit": 0.05}
    return RuleResult(**(usual | {"checked": checked, "violations": violations} | changes))


def unique(violations):
    return result(violations, rule="unique", share=False, limit=0.0, examples=["7", "8", "9", "10"])


def fault(**changes):
    return Fault(
        **({"table": "batch", "rule": "file", "detail": "in/2013-01-07.parquet is missing"} | changes)
    )


def volume(count=500, expected=1000.0, past=30, p_value=0.5, column=""):
    deviation = abs(math.log(count / expected)) if count else math.inf
    return VolumeResult(
        column=column, count=count, expected=expected, deviation=deviation, past=past, p_value=p_value
    )


def evidence(*parts, rows=1000):
    """Evidence with a rule that holds, and these parts."""
    chosen = {
        kind: [part for part in parts if isinstance(part, kind)] for kind in (Fault, RuleResult, VolumeResult)
    }
    return IngestionEvidence(
        files=FILES,
        faults=chosen[Fault],
        results=[result(rule="b.range"), *chosen[RuleResult]],
        volumes=chosen[VolumeResult],
        rows=rows,
        counts={"": rows},
    )


CASES = {
    "all is well": ([], PASS, ["all 1 rules hold on 1000 rows"]),
    "at the limit": ([result(50)], PASS, ["all 2 rules hold on 1000 rows"]),
    "above, by chance perhaps": (
        [result(60)],
        WARN,
        ["batch: a.null_share: 60 of 1000 (6.0%) against 5.0%, which chance could explain", FILE],
    ),
    "above beyond doubt": (
        [result(90)],
        REFUSE,
        ["batch: a.null_share: 90 of 1000 (9.0%) against 5.0%", FILE],
    ),
    "above beyond doubt, only to warn": (
        [result(90, severity="warn")],
        WARN,
        ["batch: a.null_share: 90 of 1000 (9.0%) against 5.0%", FILE],
    ),
    "one where none may be": (
        [result(1, limit=0.0, rule="a.range", examples=["-1"])],
        REFUSE,
        ["batch: a.range: 1 of 1000 (0.1%) against 0.0%; for example -1", FILE],
    ),
    "nothing to check": ([result(0, checked=0)], PASS, ["all 2 rules hold on 1000 rows"]),
    "duplicates": ([unique(4)], REFUSE, ["batch: unique: broken by 4; for example 7, 8, 9", FILE]),
    "no duplicates": ([unique(0)], PASS, ["all 2 rules hold on 1000 rows"]),
    "too few rows": (
        [result(1, rule="row_count", share=False, detail="found 12, allowed 300 to 2000")],
        REFUSE,
        ["batch: row_count: broken by 1; found 12, allowed 300 to 2000", FILE],
    ),
    "missing": ([fault()], REFUSE, ["batch: file: in/2013-01-07.parquet is missing"]),
    "extra column, only to warn": (
        [fault(rule="extra_columns", detail="column 'x' is not in the contract", severity="warn")],
        WARN,
        ["batch: extra_columns: column 'x' is not in the contract", FILE],
    ),
    "refusals before warnings, and each file once": (
        [result(60), fault(table="weather", detail="not readable"), unique(2)],
        REFUSE,
        [
            "weather: file: not readable",
            "batch: unique: broken by 2; for example 7, 8, 9",
            "batch: a.null_share: 60 of 1000 (6.0%) against 5.0%, which chance could explain",
            FILE,
            "weather is in/weather.parquet",
        ],
    ),
    "half the rows": (
        [volume()],
        REFUSE,
        ["batch: volume: 500 rows where 1000 are usual, a factor of more than 1.5", FILE],
    ),
    "no values": (
        [volume(count=0, column="arr_delay")],
        REFUSE,
        ["batch: volume: 0 values of arr_delay where 1000 are usual, a factor of more than 1.5", FILE],
    ),
    "fewer rows, no history": (
        [volume(count=800, past=19, p_value=0.0)],
        PASS,
        ["all 1 rules hold on 1000 rows"],
    ),
    "fewer rows than ever": (
        [volume(count=800, past=99, p_value=0.01)],
        REFUSE,
        ["batch: volume: 800 rows where 1000 are usual (p = 0.010)", FILE],
    ),
    "fewer rows than ever, short history": (
        [volume(count=800, past=20, p_value=1 / 21)],
        WARN,
        ["batch: volume: 800 rows where 1000 are usual, the furthest of 20 batches", FILE],
    ),
    "fewer rows as at times": (
        [volume(count=800, past=99, p_value=0.02)],
        PASS,
        ["all 1 rules hold on 1000 rows"],
    ),
    "two volumes share the error rate": (
        [volume(count=800, past=199, p_value=0.008), volume(count=900, past=199, p_value=0.5, column="a")],
        PASS,
        ["all 1 rules hold on 1000 rows"],
    ),
}


@pytest.mark.parametrize(("parts", "verdict", "reasons"), CASES.values(), ids=CASES)
def test_verdict_and_reasons(parts, verdict, reasons):
    ruling = check(evidence(*parts), policy(max_ratio=1.5))
    assert (ruling.verdict, ruling.reasons) == (verdict, reasons)
    assert ruling.rule == RULE
    assert ruling.error_rate == pytest.approx(0.02)


def test_more_shares_need_more_proof():
    """The error rate holds for all shares of a batch together: what is proof alone is none among many."""
    others = [result(rule=f"c{number}.null_share") for number in range(30)]
    assert check(evidence(result(72)), policy()).verdict is REFUSE
    assert check(evidence(result(72), *others), policy()).verdict is WARN


def test_a_volume_may_be_chosen_to_warn_only():
    assert check(evidence(volume(count=400)), policy(severity="warn")).verdict is WARN


NOTHING = {
    "nothing": {"files": []},
    "rows, but no rule": {"files": FILES, "rows": 1000},
    "rules, but no rows": {"files": FILES, "results": [result(0, checked=0)]},
    "rules of the weather only": {"files": FILES, "rows": 1000, "results": [result(table="weather")]},
    "a warning, no rule": {"files": FILES, "rows": 1000, "faults": [fault(severity="warn")]},
    "volumes only": {"files": FILES, "rows": 1000, "volumes": [volume(count=1000)]},
    "no rows, and to warn only": {
        "files": FILES,
        "results": [result(1, checked=1, share=False, rule="row_count", severity="warn")],
    },
}


@pytest.mark.parametrize("found", NOTHING.values(), ids=NOTHING)
def test_no_evidence_opens_no_door(found):
    ruling = check(IngestionEvidence(**found), policy())
    assert ruling.verdict is REFUSE
    assert ruling.reasons[0] == "no rule was evaluated on a row, so nothing is known of this batch"


SEVERITIES = st.sampled_from(["refuse", "warn"])


@st.composite
def results(draw):
    checked = draw(st.integers(0, 2000))
    share = draw(st.booleans())
    return result(
        draw(st.integers(0, checked)),
        checked=checked,
        share=share,
        limit=draw(st.sampled_from([0.0, 0.01, 0.3, 1.0])) if share else 0.0,
        severity=draw(SEVERITIES),
        rule=draw(st.sampled_from(["a.null_share", "b.range"])),
    )


FAULTS = st.builds(fault, severity=SEVERITIES)
VOLUMES = st.builds(
    volume,
    count=st.integers(0, 5000),
    expected=st.floats(1, 5000),
    past=st.integers(0, 200),
    p_value=st.floats(0.001, 1),
)
PARTS = st.lists(results() | FAULTS | VOLUMES, max_size=6)


def milder(one, other):
    """Whether the verdict on one is milder than that on the other."""
    verdicts = [check(found, policy()).verdict for found in (one, other)]
    return verdicts[0] is not worst(verdicts)


@given(PARTS, st.data())
@settings(deadline=None, max_examples=300)
def test_more_violations_never_make_the_verdict_milder(parts, data):
    before = evidence(*parts)
    if not before.results:
        return
    index = data.draw(st.integers(0, len(before.results) - 1))
    old = before.results[index]
    more = old.model_copy(update={"violations": data.draw(st.integers(old.violations, old.checked))})
    changed = [*before.results[:index], more, *before.results[index + 1 :]]
    assert not milder(before.model_copy(update={"results": changed}), before)


@given(PARTS, FAULTS | VOLUMES.filter(lambda found: found.deviation > math.log(2)))
@settings(deadline=None, max_examples=200)
def test_one_fault_more_never_makes_the_verdict_milder(parts, more):
    if isinstance(more, VolumeResult):
        parts = [part for part in parts if not isinstance(part, VolumeResult)]
    assert not milder(evidence(*parts, more), evidence(*parts))


@given(PARTS, st.integers(0, 5))
@settings(deadline=None, max_examples=300)
def test_whatever_the_evidence_a_verdict_has_reasons_and_can_be_repeated_from_the_ledger(parts, rows):
    found = evidence(*parts, rows=rows)
    ruling = check(found, policy())
    assert ruling.verdict in {PASS, WARN, REFUSE}
    assert ruling.reasons
    assert all(ruling.reasons)
    assert ruling.verdict is REFUSE or rows > 0
    recorded = json.loads(canonical_json(found))
    assert check(IngestionEvidence.model_validate(recorded), policy()) == ruling
