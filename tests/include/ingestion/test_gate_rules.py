"""The verdict on rows that are set aside, on drift, and by rules that fail open."""

import pytest

from include.decisions import Verdict
from include.ingestion.evidence import DriftResult, IngestionEvidence, RuleResult, VolumeResult
from include.ingestion.gate import check
from include.use_case_sections import Contract

PASS, WARN, REFUSE = Verdict.PASS, Verdict.WARN, Verdict.REFUSE
OPEN = "fail_open"


def policy(**changes):
    return Contract.model_validate({"columns": {"a": {"type": "integer", "min": 0}}} | changes)


def result(violations=0, **changes):
    usual = {"table": "batch", "rule": "a.range", "expectation": "x", "checked": 1000}
    return RuleResult(**(usual | {"violations": violations} | changes))


def quarantined(violations, **changes):
    return result(violations, rule="quarantined", limit=0.05, **changes)


def evidence(*results, **changes):
    return IngestionEvidence(files=[], results=[result(rule="b.range"), *results], rows=1000, **changes)


ASIDE = result(9, severity="quarantine", examples=["-1"])
CASES = {
    "rows are set aside": (
        [ASIDE, quarantined(9)],
        WARN,
        "batch: a.range: 9 of 1000 rows are set aside; for example -1",
    ),
    "no row is": ([result(0, severity="quarantine")], PASS, "all 2 rules hold on 1000 rows"),
    "a share within its limit sets none aside": (
        [result(9, severity="quarantine", limit=0.01)],
        PASS,
        "all 2 rules hold on 1000 rows",
    ),
    "more than may be": (
        [result(90, severity="quarantine"), quarantined(90)],
        REFUSE,
        "batch: quarantined: 90 of 1000 (9.0%) against 5.0%",
    ),
    "a rule that crashed sets nothing aside": (
        [result(1000, severity="quarantine", detail="no such column")],
        REFUSE,
        "batch: a.range: its rows cannot be set aside; no such column",
    ),
    "a rule that fails open": (
        [result(1, mode=OPEN)],
        WARN,
        "batch: a.range: 1 of 1000 (0.1%) against 0.0%; let through, because the rule a.range is fail_open",
    ),
    "another rule beside it fails closed": (
        [result(1, mode=OPEN), result(2)],
        REFUSE,
        "batch: a.range: 2 of 1000 (0.2%) against 0.0%",
    ),
    "a table rule that fails open": (
        [result(1, rule="row_count", share=False, mode=OPEN)],
        WARN,
        "batch: row_count: broken by 1; let through, because the rule row_count is fail_open",
    ),
}


@pytest.mark.parametrize(("results", "verdict", "reason"), CASES.values(), ids=CASES)
def test_verdict_and_first_reason(results, verdict, reason):
    ruling = check(evidence(*results), policy())
    assert (ruling.verdict, ruling.reasons[0]) == (verdict, reason)


def test_a_batch_whose_rows_are_all_set_aside_is_refused():
    ruling = check(evidence(ASIDE, set_aside={"batch": 1000}), policy())
    assert ruling.verdict is REFUSE
    assert ruling.reasons[0] == "no rule was evaluated on a row, so nothing is known of this batch"


HALF = VolumeResult(count=400, expected=1000, deviation=0.92, past=30, p_value=0.03)
FAR = DriftResult(magnitude=5.0, p_value=0.02, past=50, columns={"b": 1.5, "a": 5.0})
RULES = {
    "volume, closed": ({"volumes": [HALF]}, {}, REFUSE),
    "volume, open": ({"volumes": [HALF]}, {"volume": {"mode": OPEN}}, WARN),
    "volume, to warn": ({"volumes": [HALF]}, {"volume": {"severity": "warn"}}, WARN),
    "drift warns": ({"drift": FAR}, {}, WARN),
    "drift, to refuse": ({"drift": FAR}, {"drift": {"severity": "refuse"}}, REFUSE),
    "drift, to refuse and open": ({"drift": FAR}, {"drift": {"severity": "refuse", "mode": OPEN}}, WARN),
    "an ordinary day": ({"drift": FAR.model_copy(update={"p_value": 0.06})}, {}, PASS),
    "too little history": ({"drift": DriftResult(magnitude=None, p_value=None, past=3)}, {}, PASS),
}


@pytest.mark.parametrize(("found", "rules", "verdict"), RULES.values(), ids=RULES)
def test_what_a_rule_does_is_chosen_by_its_name(found, rules, verdict):
    assert check(evidence(**found), policy(rules=rules)).verdict is verdict


def test_drift_names_the_columns_that_moved_most():
    [reason] = check(evidence(drift=FAR), policy()).reasons
    assert reason == (
        "batch: drift: further from the days before than 95% of 50 days (p = 0.020), "
        "most of all a (5.0), b (1.5)"
    )


WRONG = {
    "an unknown rule": (
        {"rules": {"b.range": {}}},
        "is no rule of this contract; it has a.null_share, a.range",
    ),
    "rows of the whole table": (
        {"rules": {"volume": {"severity": "quarantine"}}},
        "volume is about the whole batch; choose refuse or warn",
    ),
    "a column that is not there": (
        {"rows": [{"kind": "compare", "left": "a", "op": "<", "right": "z"}]},
        r"rows\[0\] names \['z'\]",
    ),
    "kinds that cannot be compared": (
        {
            "columns": {"a": {"type": "integer"}, "s": {"type": "string"}},
            "rows": [{"kind": "compare", "left": "a", "op": "<", "right": "s"}],
        },
        "compares number with string",
    ),
    "replays without a key": ({"replayed": {}}, "name the key there"),
    "two targets": (
        {"references": [{"columns": ["a"], "to": ["x"], "table": "t", "file": "f.parquet"}]},
        "give either table",
    ),
    "a path that leaves its root": (
        {"references": [{"columns": ["a"], "to": ["x"], "file": "../f.parquet"}]},
        "could leave its root",
    ),
    "a pattern of numbers": ({"columns": {"a": {"type": "integer", "pattern": "x"}}}, "use min and max"),
    "a pattern with two meanings": (
        {"columns": {"a": {"type": "string", "pattern": "^x"}}},
        "the whole text is matched",
    ),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_a_contract_that_means_nothing_is_refused(changes, message):
    with pytest.raises(Exception, match=message):
        policy(**changes)
