"""Decisions: how verdicts combine, what opens a door, and what makes two decisions the same."""

import json
import math
import subprocess
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from include import decisions
from include.decisions import Decision, Ruling, Subject, Verdict, code_version, decide, fingerprint_of, worst
from include.hashing import canonical_json, digest

VERDICTS = st.lists(st.sampled_from(Verdict))


class Policy(BaseModel):
    limit: float = 0.5


def make(*, verdict=Verdict.PASS, mode="fail_closed", **changes):
    subject = {"use_case": "uc", "partition": "2013-01-07", "as_of": "2013-01-08", "actor": "schedule"}
    parts = {"evidence": {"share": 0.25}, "policy": Policy(), "data_refs": ["raw/1"], "gate": "ingestion"}
    ruling = {"reasons": ["share 0.25 against 0.5"], "rule": "limit", "error_rate": 0.01}
    for name, value in changes.items():
        next(part for part in (subject, ruling, parts) if name in part)[name] = value
    return decide(subject=Subject(**subject), ruling=Ruling(verdict=verdict, **ruling), mode=mode, **parts)


@pytest.mark.parametrize(
    ("verdict", "opens"),
    [(Verdict.PASS, True), (Verdict.WARN, True), (Verdict.REFUSE, False), (Verdict.UNDECIDED, False)],
)
def test_only_pass_and_warn_open_a_door(verdict, opens):
    assert verdict.opens is opens


def test_no_verdict_at_all_is_undecided():
    assert worst([]) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([Verdict.PASS], Verdict.PASS),
        ([Verdict.PASS, Verdict.WARN], Verdict.WARN),
        ([Verdict.WARN, Verdict.UNDECIDED, Verdict.PASS], Verdict.UNDECIDED),
        ([Verdict.UNDECIDED, Verdict.REFUSE, Verdict.WARN], Verdict.REFUSE),
    ],
)
def test_the_worst_verdict_counts_in_any_order(verdicts, expected):
    assert {worst(list(order)) for order in permutations(verdicts)} == {expected}


@given(VERDICTS, st.sampled_from(Verdict))
@settings(deadline=None)
def test_one_verdict_more_never_opens_a_shut_door(verdicts, more):
    if verdicts and not worst(verdicts).opens:
        assert not worst([*verdicts, more]).opens
    assert worst([*verdicts, more]).opens == all(verdict.opens for verdict in [*verdicts, more])


def test_a_decision_holds_everything_that_applies_the_rule_again():
    decision = make()
    assert decision.model_dump(exclude={"code_version"}) == {
        "id": "",
        "use_case": "uc",
        "gate": "ingestion",
        "partition": "2013-01-07",
        "as_of": "2013-01-08",
        "verdict": Verdict.PASS,
        "reasons": ["share 0.25 against 0.5"],
        "evidence": {"share": 0.25},
        "rule": "limit",
        "error_rate": 0.01,
        "policy_hash": digest({"limit": 0.5}),
        "data_refs": ["raw/1"],
        "actor": "schedule",
        "mode": "fail_closed",
    }
    assert decision.code_version == code_version()


@pytest.mark.parametrize(
    ("verdict", "mode", "found"),
    [
        (Verdict.PASS, "fail_open", Verdict.PASS),
        (Verdict.WARN, "fail_open", Verdict.WARN),
        (Verdict.REFUSE, "fail_open", Verdict.WARN),
        (Verdict.UNDECIDED, "fail_open", Verdict.WARN),
        (Verdict.REFUSE, "fail_closed", Verdict.REFUSE),
        (Verdict.UNDECIDED, "fail_closed", Verdict.UNDECIDED),
    ],
)
def test_fail_open_lets_through_and_says_so(verdict, mode, found):
    decision = make(verdict=verdict, mode=mode)
    said = f"let through although {verdict.value}, because the use case chose fail_open"
    assert decision.verdict is found
    assert decision.mode == mode
    assert (decision.reasons[0] == said) is (verdict is not found)
    assert decision.reasons[-1] == "share 0.25 against 0.5"


@pytest.mark.parametrize(
    "change",
    [
        {"use_case": "other"},
        {"gate": "features"},
        {"partition": "2013-01-08"},
        {"partition": None},
        {"as_of": "2013-01-09"},
        {"verdict": Verdict.WARN},
        {"reasons": []},
        {"evidence": {"share": 0.26}},
        {"rule": "other"},
        {"error_rate": None},
        {"policy": Policy(limit=0.6)},
        {"data_refs": ["raw/2"]},
        {"mode": "fail_open"},
    ],
    ids=str,
)
def test_another_fact_has_another_fingerprint(change):
    assert make(**change).fingerprint != make().fingerprint


def test_a_repeat_has_the_same_fingerprint():
    again = make(actor="backfill").model_copy(update={"id": "x", "code_version": "later"})
    assert again.fingerprint == make().fingerprint


def test_the_fingerprint_can_be_computed_from_what_was_recorded():
    decision = make(evidence={"nan": math.nan, "nested": [{"b": 1, "a": math.inf}]})
    assert fingerprint_of(json.loads(canonical_json(decision))) == decision.fingerprint


def test_decisions_cannot_be_changed_or_extended():
    decision = make()
    with pytest.raises(ValidationError, match="frozen"):
        decision.verdict = Verdict.PASS
    with pytest.raises(ValidationError, match="extra"):
        Decision(**decision.model_dump(), note="x")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    monkeypatch.setattr(decisions, "PROJECT_ROOT", tmp_path)
    code_version.cache_clear()
    git("init", "--quiet")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "--quiet", "-m", "first")
    yield tmp_path
    code_version.cache_clear()


def test_the_code_version_is_the_commit(repository):
    assert len(code_version()) == 12
    assert int(code_version(), 16)


def test_the_code_version_tells_of_changes(repository):
    (repository / "new").write_text("not committed, so no part of the code")
    assert not code_version().endswith("+changed")
    code_version.cache_clear()
    (repository / "file").write_text("2")
    assert code_version().endswith("+changed")


def test_outside_git_the_code_has_no_version(tmp_path, monkeypatch):
    monkeypatch.setattr(decisions, "PROJECT_ROOT", tmp_path)
    code_version.cache_clear()
    assert code_version() == "unversioned"
    code_version.cache_clear()
