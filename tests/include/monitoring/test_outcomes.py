"""Hindsight: an order was right when its model was better on later days; what that says of the triggers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions import Verdict
from include.monitoring.outcomes import OutcomeEvidence, check, score, worth_of
from include.use_case_sections import Retraining

POLICY = Retraining(outcome_alpha=0.05)
BETTER = {"difference": 0.02, "standard_error": 0.005, "degrees_of_freedom": 13.0}
WORSE = BETTER | {"difference": -0.02}
UNCLEAR = BETTER | {"difference": 0.001}


def evidence(**changes):
    base = {
        "decision_id": "d",
        "asked_by": "monitoring",
        "started": True,
        "signals": ["drift"],
        "trained_as_of": "2013-03-04",
        "passed": True,
        "replaced_version": "3",
        "days": ["2013-03-04", "2013-03-05"],
        "rows": 1800,
        "metric": "roc_auc",
    }
    return OutcomeEvidence.model_validate(base | changes)


CASES = {
    "ordered, better": (BETTER, "pass", "ordered: the model as of 2013-03-04 was better than version 3"),
    "ordered, worse": (WORSE, "refuse", "was worse than version 3"),
    "ordered, unclear": (UNCLEAR, "undecided", "neither shown better nor worse"),
    "ordered, refused, unclear": (UNCLEAR | {"passed": False}, "refuse", "ordered in vain"),
    "ordered, refused, yet better": (BETTER | {"passed": False}, "pass", "was better than version 3"),
    "ordered, the training itself was refused": (
        {"passed": False, "trained_as_of": None},
        "refuse",
        "ordered in vain",
    ),
    "ordered, the first of all": (
        {"replaced_version": ""},
        "undecided",
        "there was no model to compare with",
    ),
    "held back, better": (BETTER | {"started": False}, "refuse", "held back: the model as of"),
    "held back, worse": (WORSE | {"started": False}, "pass", "held back: the model as of"),
    "held back, unclear": (UNCLEAR | {"started": False}, "undecided", "held back"),
    "held back, nothing was trained since": (
        {"started": False, "trained_as_of": None, "passed": None},
        "undecided",
        "no model was trained in time",
    ),
}


@pytest.mark.parametrize(("changes", "verdict", "reason"), CASES.values(), ids=CASES)
def test_verdicts(changes, verdict, reason):
    ruling = check(evidence(**changes), POLICY)
    assert ruling.verdict.value == verdict
    assert reason in ruling.reasons[0]
    assert ruling.error_rate == 0.05


def test_precision_and_recall():
    outcomes = [
        (evidence(**BETTER), Verdict.PASS),
        (evidence(**WORSE, signals=["drift", "performance"]), Verdict.REFUSE),
        (evidence(**UNCLEAR), Verdict.UNDECIDED),
        (evidence(**BETTER, asked_by="schedule", signals=[]), Verdict.PASS),
        (evidence(**BETTER, asked_by="schedule", signals=["drift"]), Verdict.PASS),
        (evidence(**BETTER, started=False), Verdict.REFUSE),
    ]
    found = {one.trigger: one for one in score(outcomes, 0.05)}
    assert (found["drift"].orders, found["drift"].right, found["drift"].wrong) == (3, 1, 1)
    assert found["drift"].precision == 0.5
    assert found["drift"].recall == pytest.approx(2 / 3)
    assert found["performance"].precision == 0
    assert found["performance"].recall == 0
    assert (found["schedule"].precision, found["schedule"].recall) == (1, pytest.approx(2 / 3))
    assert (found["person"].orders, found["person"].precision) == (0, None)


@given(
    difference=st.floats(-1, 1),
    error=st.floats(1e-6, 1),
    degrees=st.integers(1, 90),
)
def test_better_and_worse_mirror_each_other(difference, error, degrees):
    known = {"standard_error": error, "degrees_of_freedom": float(degrees)}
    one = worth_of(evidence(difference=difference, **known), 0.05)
    other = worth_of(evidence(difference=-difference, **known), 0.05)
    assert {"better": "worse", "worse": "better", "unclear": "unclear"}[one] == other
