"""Which champion decides on a date: the ledger's answer against a plain replay of the promotions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import partitions
from include.champions import GATE, champion_at, newest_champion
from include.decisions import Subject, Verdict, decide
from include.ledger import Ledger
from include.model_versions import LoggedModel
from include.promotion.gate import PromotionEvidence, check
from include.use_case_sections import Promotion


def promote(ledger, version, as_of, effective_from, *, verdict=Verdict.PASS, use_case="flights"):
    """Record a promotion, or one that the gate refused."""
    evidence = PromotionEvidence(
        version=version,
        run_id=f"run {version}",
        model=LoggedModel(uri=f"models:/{version}", sha256=version),
        feature_set_version="v",
        as_of=as_of,
        effective_from=effective_from,
        evaluation_id=f"evaluation {version}",
        evaluation_verdict=verdict,
        evaluated_run_id=f"run {version}",
        evaluated_as_of=as_of,
        champion_version=None,
        champion_as_of=None,
    )
    return ledger.append(
        decide(
            gate=GATE,
            subject=Subject(use_case=use_case, as_of=as_of, actor="tests"),
            ruling=check(evidence, Promotion()),
            evidence=evidence,
            policy={},
            data_refs=[],
        )
    )


@pytest.fixture
def ledger(tmp_path):
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def versions(ledger, *days):
    return [found.version if (found := champion_at(ledger, "flights", day)) else None for day in days]


def test_without_promotions_there_is_no_champion(ledger):
    assert newest_champion(ledger, "flights") is None
    assert champion_at(ledger, "flights", "2013-02-01") is None


def test_a_champion_carries_what_its_promotion_recorded(ledger):
    decision = promote(ledger, "7", "2013-01-14", "2013-01-15")
    found = newest_champion(ledger, "flights")
    assert found.model_dump() == {
        "version": "7",
        "run_id": "run 7",
        "as_of": "2013-01-14",
        "effective_from": "2013-01-15",
        "model": {"uri": "models:/7", "sha256": "7"},
        "decision_id": decision.id,
        "evaluation_id": "evaluation 7",
        "feature_set_version": "v",
    }


def test_each_date_has_the_champion_of_its_time(ledger):
    promote(ledger, "1", "2013-01-14", "2013-01-14")
    promote(ledger, "2", "2013-01-28", "2013-01-30")
    days = ["2013-01-13", "2013-01-14", "2013-01-29", "2013-01-30", "2013-12-31"]
    assert versions(ledger, *days) == [None, "1", "1", "2", "2"]
    assert newest_champion(ledger, "flights").version == "2"


@pytest.mark.parametrize("verdict", [Verdict.REFUSE, Verdict.UNDECIDED])
def test_a_refused_promotion_changes_nothing(ledger, verdict):
    promote(ledger, "1", "2013-01-14", "2013-01-14")
    promote(ledger, "2", "2013-01-28", "2013-01-28", verdict=verdict)
    assert versions(ledger, "2013-02-01") == ["1"]
    assert newest_champion(ledger, "flights").version == "1"


def test_use_cases_do_not_share_champions(ledger):
    promote(ledger, "1", "2013-01-14", "2013-01-14", use_case="trips")
    assert newest_champion(ledger, "flights") is None


def test_a_candidate_evaluated_again_is_not_its_own_champion(ledger):
    promote(ledger, "1", "2013-01-14", "2013-01-14")
    promote(ledger, "2", "2013-01-28", "2013-01-28")
    assert newest_champion(ledger, "flights", other_than="run 2").version == "1"
    assert newest_champion(ledger, "flights", other_than="run 1").version == "2"


DAY = st.integers(0, 40).map(lambda days: partitions.shift("2013-01-01", days))


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([*Verdict])), max_size=8), DAY
)
@settings(deadline=None, max_examples=40)
def test_the_answer_is_the_one_that_was_given_at_the_time(tmp_path_factory, steps, day):
    """Play the promotions one by one: what a partition was scored with is what the ledger says for ever.

    A promotion takes effect no earlier than the last, as its stage sees to.
    """
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}")
    in_use = {}
    effective = as_of = "2013-01-01"
    for index, (later, wait, verdict) in enumerate(steps):
        as_of = partitions.shift(as_of, later)
        effective = max(partitions.shift(effective, wait), as_of)
        promote(ledger, str(index), as_of, effective, verdict=verdict)
        if verdict.opens:
            in_use = {key: value for key, value in in_use.items() if key < effective} | {
                effective: str(index)
            }
    expected = [value for key, value in sorted(in_use.items()) if key <= day]
    assert versions(ledger, day) == [expected[-1] if expected else None]
