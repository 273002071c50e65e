"""The order to train: on repeated marks, outside the cool-down, within the budget, and never for the past."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import partitions
from include.decisions import Verdict
from include.monitoring.retraining import RetrainingEvidence, check
from include.use_case_sections import Retraining

POLICY = Retraining(violations=3, of_last=7, cool_down_days=7, max_orders_per_30_days=2)
DAY, AS_OF = "2013-02-10", "2013-02-11"
WEEK = partitions.span("2013-02-04", DAY)
BOTH = ["drift", "performance"]
MARKED = {"2013-02-05": ["drift"], "2013-02-08": ["performance"], DAY: BOTH}


def evidence(**changes):
    base = {
        "partition": DAY,
        "as_of": AS_OF,
        "considered": WEEK,
        "marked": MARKED,
        "champion_as_of": "2013-01-28",
        "orders": [],
    }
    return RetrainingEvidence(**base | changes)


CASES = {
    "three of seven": (
        {},
        "pass",
        "train as of 2013-02-11: 3 of 7 days marked (2013-02-05: drift; 2013-02-08: performance; "
        "2013-02-10: drift and performance)",
    ),
    "nothing marked": ({"marked": {}}, "refuse", "2013-02-10 itself is not marked"),
    "the newest is not marked": (
        {"marked": dict.fromkeys(WEEK[:-1], BOTH)},
        "refuse",
        "2013-02-10 itself is not marked",
    ),
    "too few marked": (
        {"marked": {"2013-02-05": BOTH, DAY: BOTH}},
        "refuse",
        "2 of the last 7 partitions are marked, needed 3 of 7",
    ),
    "few days watched so far": (
        {"considered": WEEK[-3:], "marked": dict.fromkeys(WEEK[-3:], BOTH)},
        "pass",
        "train as of 2013-02-11: 3 of 3 days marked",
    ),
    "before the champion's as-of": (
        {"champion_as_of": "2013-02-11"},
        "refuse",
        "2013-02-10 is historical: the champion already knows the data up to 2013-02-11",
    ),
    "long before it": (
        {"champion_as_of": "2013-12-01"},
        "refuse",
        "2013-02-10 is historical: the champion already knows the data up to 2013-12-01",
    ),
    "the champion is young": (
        {"champion_as_of": "2013-02-05"},
        "refuse",
        "the champion is 6 days old, within the cool-down of 7",
    ),
    "the champion is just old enough": ({"champion_as_of": "2013-02-04"}, "pass", "train as of 2013-02-11"),
    "ordered six days ago": (
        {"orders": ["2013-01-20", "2013-02-05"]},
        "refuse",
        "a training was ordered 6 days before, within the cool-down of 7",
    ),
    "ordered seven days ago": ({"orders": ["2013-02-04"]}, "pass", "train as of 2013-02-11"),
    "the budget is spent": (
        {"orders": ["2013-01-15", "2013-01-25"]},
        "refuse",
        "2 trainings were ordered within 30 days, the budget is 2",
    ),
    "an order from later, in a replay": ({"orders": ["2013-02-20"] * 5}, "pass", "train as of 2013-02-11"),
}
OTHER_POLICIES = {
    "one mark is enough": ({"violations": 1}, {"marked": {DAY: ["drift"]}}, "pass"),
    "no cool-down": ({"cool_down_days": 0}, {"champion_as_of": DAY, "orders": [AS_OF]}, "pass"),
    "no budget": ({"max_orders_per_30_days": 0}, {}, "refuse"),
    "no cool-down, but history": ({"cool_down_days": 0}, {"champion_as_of": AS_OF}, "refuse"),
}


@pytest.mark.parametrize(("changes", "verdict", "reason"), CASES.values(), ids=CASES)
def test_verdicts(changes, verdict, reason):
    ruling = check(evidence(**changes), POLICY)
    assert ruling.verdict.value == verdict
    assert len(ruling.reasons) == 1
    assert ruling.reasons[0].startswith(reason)


@pytest.mark.parametrize(("policy", "changes", "verdict"), OTHER_POLICIES.values(), ids=OTHER_POLICIES)
def test_other_policies(policy, changes, verdict):
    assert check(evidence(**changes), POLICY.model_copy(update=policy)).verdict.value == verdict


DAYS = st.sampled_from(partitions.span("2013-01-01", "2013-03-31"))
MARKS = st.dictionaries(st.sampled_from(WEEK), st.just(["drift"]))


@given(marked=MARKS, champion=DAYS, orders=st.lists(DAYS, max_size=4))
@settings(deadline=None)
def test_an_order_always_has_ground_and_room(marked, champion, orders):
    ruling = check(evidence(marked=marked, champion_as_of=champion, orders=orders), POLICY)
    assert ruling.verdict in {Verdict.PASS, Verdict.REFUSE}
    if ruling.verdict is Verdict.PASS:
        assert DAY in marked
        assert len(marked) >= 3
        assert champion <= "2013-02-04"
        recent = [order for order in orders if order <= AS_OF]
        assert len(recent) < 2
        assert all(order <= "2013-02-04" for order in recent)


@given(marked=MARKS, champion=DAYS, orders=st.lists(DAYS, max_size=4), later=DAYS)
@settings(deadline=None)
def test_a_younger_champion_never_brings_an_order(marked, champion, orders, later):
    def opens(champion):
        return check(evidence(marked=marked, champion_as_of=champion, orders=orders), POLICY).verdict.opens

    assert opens(champion) or not opens(max(champion, later))
