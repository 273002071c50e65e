"""Loss at fixed inputs: a table of cases."""

import pytest

from include.monitoring.concept import ConceptEvidence, check
from include.use_case_sections import Concept

POLICY = Concept(margin=0.02, alpha=0.01)
HOLDOUT = {f"2013-01-{day:02d}": loss for day, loss in enumerate([0.40, 0.42, 0.41, 0.43, 0.39], start=1)}


def live(*losses):
    return {f"2013-02-{day:02d}": loss for day, loss in enumerate(losses, start=1)}


CASES = {
    "as on the holdout": (live(0.40, 0.42, 0.41, 0.43), HOLDOUT, "pass", "the loss is 0.415"),
    "the same scores fare worse": (live(0.60, 0.62, 0.61, 0.63), HOLDOUT, "warn", "a rise of at least +0.1"),
    "worse, but not surely": (live(0.2, 0.9, 0.3, 0.8), HOLDOUT, "pass", "marked above +0.020"),
    "too few days": (live(0.9, 0.9), HOLDOUT, "undecided", "2 days with labels, needed 4"),
    "no labels": ({}, HOLDOUT, "undecided", "0 days with labels"),
    "an empty reference": (live(0.6, 0.6, 0.6, 0.6), {}, "undecided", "keeps no bins of its holdout"),
}


@pytest.mark.parametrize(("days", "holdout", "verdict", "reason"), CASES.values(), ids=CASES)
def test_verdicts(days, holdout, verdict, reason):
    ruling = check(ConceptEvidence(live=days, holdout=holdout, min_days=4), POLICY)
    assert ruling.verdict.value == verdict
    assert reason in ruling.reasons[0]


def test_the_loss_as_the_rows_came_stands_beside_it():
    ruling = check(ConceptEvidence(live=live(*[0.41] * 4), holdout=HOLDOUT, raw=0.55), POLICY)
    assert "0.410 (0.550 as the rows came) against 0.410" in ruling.reasons[0]
