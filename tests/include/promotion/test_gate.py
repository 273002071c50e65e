"""The gate of promotions: a passed evaluation of this very run, and never an older model over a newer one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import partitions
from include.decisions import Verdict
from include.model_versions import LoggedModel
from include.promotion.gate import PromotionEvidence, check
from include.use_case_sections import Approval, Promotion

SOUND = PromotionEvidence(
    version="2",
    run_id="run",
    model=LoggedModel(uri="models:/m-2", sha256="hash"),
    feature_set_version="v",
    as_of="2013-01-28",
    effective_from="2013-01-29",
    evaluation_id="decision",
    evaluation_verdict=Verdict.PASS,
    evaluated_run_id="run",
    evaluated_as_of="2013-01-28",
    champion_version="1",
    champion_as_of="2013-01-21",
)
PLAIN = Promotion()
ASKING = Promotion(approval=Approval(approvers=["ada"]))
OPENING = "version 2 is the champion from 2013-01-29 on, in place of version 1"
CASES = {
    "newer than the champion": ({}, "pass", OPENING),
    "as old as the champion": ({"champion_as_of": "2013-01-28"}, "pass", OPENING),
    "the first one": (
        {"champion_version": None, "champion_as_of": None},
        "pass",
        "version 2 is the champion from 2013-01-29 on, as the first one",
    ),
    "with a warning": ({"evaluation_verdict": Verdict.WARN}, "pass", OPENING),
    "older than the champion": (
        {"champion_as_of": "2013-02-04"},
        "refuse",
        "version 2 knows data up to 2013-01-28, the champion, version 1, up to 2013-02-04: an older model "
        "never replaces a newer one",
    ),
    "refused": (
        {"evaluation_verdict": Verdict.REFUSE},
        "refuse",
        "version 2 did not pass its evaluation: refuse",
    ),
    "undecided": (
        {"evaluation_verdict": Verdict.UNDECIDED},
        "refuse",
        "version 2 did not pass its evaluation: undecided",
    ),
    "another run's evaluation": (
        {"evaluated_run_id": "another"},
        "refuse",
        "decision decision is not the evaluation of run run as of 2013-01-28",
    ),
    "no evaluation at all": (
        {"evaluated_run_id": ""},
        "refuse",
        "decision decision is not the evaluation of run run as of 2013-01-28",
    ),
    "rolled back before": (
        {"rolled_back_by": "earlier"},
        "refuse",
        "version 2 was rolled back by decision earlier; train anew, or bring it back with: ./airlock "
        "rollback --to",
    ),
    "an as-of that it does not have": (
        {"evaluated_as_of": "2013-01-14"},
        "refuse",
        "decision decision is not the evaluation of run run as of 2013-01-28",
    ),
}


@pytest.mark.parametrize(("changes", "verdict", "reason"), CASES.values(), ids=CASES)
def test_verdicts(changes, verdict, reason):
    ruling = check(SOUND.model_copy(update=changes), PLAIN)
    assert (ruling.verdict.value, ruling.reasons) == (verdict, [reason])


YES = {"approval_id": "answer", "approval_verdict": Verdict.PASS, "approved_run_id": "run"}
ANSWERS = {
    "approved": (YES, "pass", OPENING),
    "nobody was asked": ({}, "refuse", "nobody has approved version 2"),
    "rejected": (YES | {"approval_verdict": Verdict.REFUSE}, "refuse", "decision answer did not approve"),
    "another run": (
        YES | {"approved_run_id": "other"},
        "refuse",
        "decision answer approves run other, not run",
    ),
}


@pytest.mark.parametrize(("changes", "verdict", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_where_a_person_is_asked_only_their_yes_to_this_run_opens(changes, verdict, reason):
    ruling = check(SOUND.model_copy(update=changes), ASKING)
    assert ruling.verdict.value == verdict
    assert reason in ruling.reasons[0]


DAYS = st.integers(0, 400).map(lambda days: partitions.shift("2012-12-01", days))


@given(as_of=DAYS, champion=st.none() | DAYS, verdict=st.sampled_from([*Verdict]), own=st.booleans())
@settings(deadline=None)
def test_the_door_opens_exactly_when_all_hold(as_of, champion, verdict, own):
    evidence = SOUND.model_copy(
        update={
            "as_of": as_of,
            "evaluated_as_of": as_of,
            "champion_as_of": champion,
            "evaluation_verdict": verdict,
            "evaluated_run_id": "run" if own else "another",
        }
    )
    ruling = check(evidence, PLAIN)
    assert ruling.verdict.opens == (verdict.opens and own and (champion is None or champion <= as_of))
    assert len(ruling.reasons) >= 1
