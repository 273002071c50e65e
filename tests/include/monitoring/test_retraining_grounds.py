"""Who may start a training: the schedule under its policy, people, labels, and never on doubtful data."""

import pytest
from pydantic import ValidationError

from include.monitoring.retraining import RetrainingEvidence, check
from include.use_case_sections import Retraining

DAY, AS_OF = "2013-03-10", "2013-03-11"
MARKED = {"2013-03-08": ["drift"], "2013-03-09": ["performance"], DAY: ["drift"]}
NEEDED = Retraining(schedule="when_needed", new_labels_share=0.1, due_days=28)


def evidence(**changes):
    base = {
        "partition": DAY,
        "as_of": AS_OF,
        "considered": ["2013-03-08", "2013-03-09", DAY],
        "marked": {},
        "champion_as_of": "2013-02-25",
        "trained_as_of": "2013-02-25",
        "learned_labels": 10_000,
        "new_labels": 900,
    }
    return RetrainingEvidence.model_validate(base | changes)


SCHEDULED = {"asked_by": "schedule"}
CASES = {
    "the schedule, always": (Retraining(), SCHEDULED, True, "the schedule says so"),
    "the schedule, nothing asks": (NEEDED, SCHEDULED, False, "not needed: 2013-03-10 itself is not marked"),
    "the schedule, enough labels": (
        NEEDED,
        SCHEDULED | {"new_labels": 1000},
        True,
        "1000 labels have come since the newest training, which learned from 10000",
    ),
    "the schedule, marked days": (NEEDED, SCHEDULED | {"marked": MARKED}, True, "3 of 3 days marked"),
    "the schedule, due": (
        NEEDED,
        SCHEDULED | {"trained_as_of": "2013-02-11"},
        True,
        "the newest training is 28 days old",
    ),
    "the schedule, never due": (
        NEEDED.model_copy(update={"due_days": 0}),
        SCHEDULED | {"trained_as_of": "2013-01-11"},
        False,
        "none is due without a ground",
    ),
    "the schedule, cold start": (NEEDED, SCHEDULED | {"champion_as_of": None}, True, "no champion yet"),
    "a person": (NEEDED, {"asked_by": "person", "request": "new carrier"}, True, "by a person: new carrier"),
    "monitoring on marks": (Retraining(), {"marked": MARKED}, True, "train as of 2013-03-11: 3 of 3"),
    "monitoring, labels are no order by themselves": (
        Retraining(new_labels=500),
        {},
        False,
        "itself is not marked",
    ),
    "monitoring, labels where they may order": (
        Retraining(triggers=["labels"], new_labels=500),
        {},
        True,
        "900 labels have come",
    ),
    "monitoring, drift is not among the triggers": (
        Retraining(triggers=["performance"]),
        {"marked": MARKED},
        False,
        "itself is not marked",
    ),
    "monitoring, the data is doubtful": (
        Retraining(),
        {"marked": MARKED, "suspect": {"2013-03-09": "ingestion refuse", DAY: "quality warn"}},
        False,
        "the data itself is doubtful (2013-03-09 ingestion refuse, 2013-03-10 quality warn); the ground was",
    ),
    "monitoring, one odd batch is no doubt": (
        Retraining(),
        {"marked": MARKED, "suspect": {DAY: "quality warn"}},
        True,
        "3 of 3 days marked",
    ),
}


@pytest.mark.parametrize(("policy", "changes", "starts", "reason"), CASES.values(), ids=CASES)
def test_who_starts_a_training(policy, changes, starts, reason):
    ruling = check(evidence(**changes), policy)
    assert ruling.verdict.opens is starts
    assert reason in ruling.reasons[0]


def test_the_same_evidence_from_the_ledger_gives_the_same_ruling():
    one = evidence(marked=MARKED, suspect={DAY: "quality warn"})
    again = RetrainingEvidence.model_validate_json(one.model_dump_json())
    assert check(again, NEEDED) == check(one, NEEDED)


@pytest.mark.parametrize(
    "wrong", [{"violations": 8, "of_last": 7}, {"suspect_days": 1, "max_suspect": 2}, {"triggers": ["mood"]}]
)
def test_a_policy_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValidationError):
        Retraining(**wrong)
