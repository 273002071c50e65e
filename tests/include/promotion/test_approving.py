"""Approval by a person: who may say yes, when it counts, and that every answer is recorded."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import ConfigurationError, GateRefused
from include.promotion.approving import ApprovalEvidence, check, record_answer
from include.use_case_sections import Approval

POLICY = Approval(approvers=["ada", "grace"])
YES = ApprovalEvidence(
    version="2", run_id="run", evaluation_id="e", answer="approved", approver=["ada"], triggered_by="alan"
)
ANSWERS = {
    "by an approver": ({}, "pass", "ada approved version 2"),
    "with a comment": (
        {"comment": "checked the slices"},
        "pass",
        "ada approved version 2: checked the slices",
    ),
    "started by a schedule": ({"triggered_by": ""}, "pass", "ada approved version 2"),
    "known by id and name": ({"approver": ["Ada L.", "ada"]}, "pass", "Ada L. approved version 2"),
    "rejected": ({"answer": "rejected"}, "refuse", "ada rejected version 2"),
    "no answer in time": (
        {"answer": "no answer", "approver": []},
        "refuse",
        "nobody answered about version 2 within 72 hours",
    ),
    "by somebody else": (
        {"approver": ["eve"]},
        "refuse",
        "eve approved version 2, but only ada, grace may approve",
    ),
    "by nobody": ({"approver": []}, "refuse", "somebody without a name approved version 2"),
    "by whoever started the training": (
        {"triggered_by": "ada"},
        "refuse",
        "ada approved version 2 and had started its training: four eyes are asked for",
    ),
}


@pytest.mark.parametrize(("changes", "verdict", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_answers(changes, verdict, reason):
    ruling = check(YES.model_copy(update=changes), POLICY)
    assert ruling.verdict.value == verdict
    assert ruling.reasons[0].startswith(reason)


def test_two_eyes_are_enough_where_the_use_case_says_so():
    alone = YES.model_copy(update={"triggered_by": "ada"})
    assert check(alone, POLICY.model_copy(update={"four_eyes": False})).verdict.opens


NAMES = st.sampled_from(["ada", "grace", "alan", "eve", ""])


@given(
    answer=st.sampled_from(["approved", "rejected", "no answer"]),
    approver=st.lists(NAMES.filter(bool), max_size=2),
    triggered_by=NAMES,
    four_eyes=st.booleans(),
)
@settings(deadline=None)
def test_the_door_opens_exactly_for_a_yes_of_another_approver(answer, approver, triggered_by, four_eyes):
    evidence = YES.model_copy(update={"answer": answer, "approver": approver, "triggered_by": triggered_by})
    allowed = set(approver) & {"ada", "grace"} and not (four_eyes and triggered_by in approver)
    opens = check(evidence, POLICY.model_copy(update={"four_eyes": four_eyes})).verdict.opens
    assert opens == (answer == "approved" and bool(allowed))


def test_every_answer_is_a_decision_and_stands_in_the_card(workspace, flights, monkeypatch):
    written = []
    monkeypatch.setattr(
        "include.promotion.approving._show",
        lambda _, decision, __: written.append((decision.evidence["version"], decision.verdict.value)),
    )
    asking = flights.model_copy(
        update={"promotion": flights.promotion.model_copy(update={"approval": POLICY})}
    )
    no = YES.model_copy(update={"answer": "rejected", "comment": "not before the holidays"})
    with pytest.raises(GateRefused, match="ada rejected version 2: not before the holidays") as shut:
        record_answer(asking, no, as_of="2013-02-11", actor="ada", workspace=workspace)
    assert workspace.ledger.get(shut.value.decision_id).evidence["comment"] == "not before the holidays"
    yes = record_answer(asking, YES, as_of="2013-02-11", actor="ada", workspace=workspace)
    assert (yes.gate, yes.actor, yes.as_of, yes.verdict.value) == ("approval", "ada", "2013-02-11", "pass")
    assert record_answer(asking, YES, as_of="2013-02-11", actor="ada", workspace=workspace).id == yes.id
    assert written == [("2", "refuse"), ("2", "pass"), ("2", "pass")]


def test_a_use_case_that_asks_nobody_takes_no_answer(workspace, flights):
    with pytest.raises(ConfigurationError, match="flights asks nobody for approval"):
        record_answer(flights, YES, as_of="2013-02-11", actor="ada", workspace=workspace)
