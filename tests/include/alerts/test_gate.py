"""What is news: an alarm that opens, stands, or is over; never twice, and never for history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include import partitions
from include.alerts.gate import WATCHED, AlertEvidence, judge
from include.decisions import Verdict
from include.use_case_sections import Alerts

POLICY = Alerts(violations=2, of_last=3, escalate_after=3, recover_after=2)
DAYS = partitions.span("2013-03-01", "2013-03-06")
SIGNS = {"p": Verdict.PASS, "w": Verdict.WARN, "r": Verdict.REFUSE, "u": Verdict.UNDECIDED}


def evidence(signs, **changes):
    days = DAYS[: len(signs)]
    base = {
        "gate": "drift",
        "cause_id": "c",
        "partition": days[-1],
        "verdicts": {day: SIGNS[sign] for day, sign in zip(days, signs, strict=True)},
        "newest": days[-1],
        "champion_as_of": "2013-02-25",
        "standing": None,
        "since": "",
        "escalated": False,
    }
    return AlertEvidence(**base | changes)


OPEN = {"standing": "warning", "since": DAYS[0]}
CASES = {
    "one marked day": ("pppw", {}, "none", "info"),
    "two of three": ("pwpw", {}, "opened", "warning"),
    "the newest is quiet": ("pwwp", {}, "none", "info"),
    "a refusal at once": ("ppr", {"gate": "ingestion"}, "opened", "critical"),
    "a warning of a gate that refuses": ("ppw", {"gate": "ingestion"}, "none", "info"),
    "it stands, told already": ("ww", OPEN, "none", "info"),
    "it stands for long": ("www", OPEN, "escalated", "critical"),
    "it was escalated before": ("wwww", OPEN | {"escalated": True}, "none", "info"),
    "one quiet day": ("wwp", OPEN, "none", "info"),
    "over": ("wwpp", OPEN, "recovered", "warning"),
    "days without a verdict end nothing": ("wwuu", OPEN, "none", "info"),
    "a late run while another one's alarm stands": ("rr", {"gate": "deadline"} | OPEN, "opened", "warning"),
    "history, a later day was judged": ("pwpw", {"newest": "2013-04-01"}, "none", "info"),
    "history, the champion knows the day": ("pwpw", {"champion_as_of": "2013-04-01"}, "none", "info"),
    "no champion yet": ("r", {"gate": "ingestion", "champion_as_of": None}, "opened", "critical"),
}


@pytest.mark.parametrize(("signs", "changes", "kind", "severity"), CASES.values(), ids=CASES)
def test_kinds(signs, changes, kind, severity):
    found, shown, ruling = judge(evidence(signs, **changes), POLICY)
    assert (found, shown) == (kind, severity)
    assert ruling.reasons
    assert (ruling.verdict is Verdict.WARN) == (kind in {"opened", "escalated"})


def test_a_muted_gate_tells_nothing():
    muted = POLICY.model_copy(update={"muted": ["drift"]})
    assert judge(evidence("pwpw"), muted)[0] == "none"


@given(
    signs=st.text(alphabet="pwru", min_size=1, max_size=6),
    gate=st.sampled_from(sorted(WATCHED)),
    standing=st.sampled_from([None, "info", "warning", "critical"]),
    escalated=st.booleans(),
)
def test_nothing_opens_twice_and_nothing_ends_that_did_not_stand(signs, gate, standing, escalated):
    known = {"standing": standing, "since": DAYS[0] if standing else "", "escalated": escalated}
    kind, _, _ = judge(evidence(signs, gate=gate, **known), POLICY)
    if standing is None or not WATCHED[gate].stands:
        assert kind in {"none", "opened"}
    else:
        assert kind in {"none", "escalated", "recovered"}
