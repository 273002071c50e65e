"""Live loss against the holdout's: a table of cases, and that a higher loss never calms the alarm."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from include.decisions import Verdict
from include.monitoring.performance import DayPerformance, PerformanceEvidence, check, day_performance
from include.use_case_sections import Performance

POLICY = Performance(min_days=4, margin=0.02, alpha=0.01)
HOLDOUT = [0.40, 0.42, 0.41, 0.43, 0.39, 0.41, 0.42]


def evidence(live, holdout=HOLDOUT):
    return PerformanceEvidence(
        model_version="1",
        live={
            f"2013-01-{day:02d}": DayPerformance(rows=900, log_loss=loss, roc_auc=None)
            for day, loss in enumerate(live, start=1)
        },
        holdout_losses=holdout,
    )


CASES = {
    "as on the holdout": (
        HOLDOUT,
        HOLDOUT,
        "pass",
        "log loss 0.411 over 7 days against 0.411 on the holdout",
    ),
    "better": ([0.3] * 7, HOLDOUT, "pass", "alarming above +0.020"),
    "worse by less than the margin": ([0.42, 0.43, 0.42, 0.43], HOLDOUT, "pass", "log loss 0.425"),
    "surely worse": ([0.60, 0.62, 0.61, 0.63], HOLDOUT, "warn", "a rise of at least +0.1"),
    "worse, but not surely": ([0.30, 0.80, 0.35, 0.75], HOLDOUT, "pass", "log loss 0.550"),
    "too few days": ([0.9, 0.9, 0.9], HOLDOUT, "undecided", "3 days with labels, needed 4"),
    "no labels yet": ([], HOLDOUT, "undecided", "0 days with labels, needed 4"),
    "a holdout of one day": ([0.6] * 7, [0.4], "undecided", "fewer than two days to compare with"),
    "no holdout": ([0.6] * 7, [], "undecided", "fewer than two days to compare with"),
    "nothing varies": ([0.5] * 4, [0.4] * 4, "warn", "a rise of at least +0.100"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_verdicts(case):
    live, holdout, verdict, reason = case
    ruling = check(evidence(live, holdout), POLICY)
    assert ruling.verdict.value == verdict
    assert reason in ruling.reasons[0]
    assert ruling.error_rate == 0.01


LOSSES = st.lists(st.floats(0.01, 3), min_size=4, max_size=10)


@given(live=LOSSES, holdout=st.lists(st.floats(0.01, 3), min_size=2, max_size=10), more=st.floats(0, 3))
@settings(deadline=None)
def test_a_higher_loss_never_calms_the_alarm(live, holdout, more):
    before = check(evidence(live, holdout), POLICY).verdict
    after = check(evidence([loss + more for loss in live], holdout), POLICY).verdict
    assert before is not Verdict.WARN or after is Verdict.WARN or more < 1e-9


def test_false_alarms_are_rare_where_nothing_changed():
    """Days that differ as days do, live and holdout alike: at most alpha of the comparisons alarm."""
    random = np.random.default_rng(3)
    rounds = 1000
    alarms = sum(
        check(evidence(random.normal(0.42, 0.05, 7), list(random.normal(0.42, 0.05, 7))), POLICY).verdict
        is Verdict.WARN
        for _ in range(rounds)
    )
    assert alarms / rounds < 0.01


def test_the_figures_of_a_day_are_sklearn_s():
    random = np.random.default_rng(4)
    label, score = pd.Series(random.integers(0, 2, 300)), pd.Series(random.random(300))
    found = day_performance(label, score)
    assert found.rows == 300
    assert found.log_loss == pytest.approx(log_loss(label, score), abs=1e-6)
    assert found.roc_auc == pytest.approx(roc_auc_score(label, score), abs=1e-6)


DAYS = {
    "all late": ([1, 1, 1], [0.9, 0.8, 0.7]),
    "none late": ([0, 0], [0.1, 0.2]),
    "one row": ([1], [0.5]),
}


@pytest.mark.parametrize(("label", "score"), DAYS.values(), ids=DAYS)
def test_a_day_of_one_label_has_a_loss_but_no_ranking(label, score):
    found = day_performance(pd.Series(label), pd.Series(score))
    assert found.roc_auc is None
    assert found.log_loss == pytest.approx(
        -np.mean(np.log(np.where(label, score, 1 - np.array(score)))), abs=1e-6
    )


def test_a_score_that_was_quite_sure_and_wrong_costs_a_finite_loss():
    found = day_performance(pd.Series([1, 0]), pd.Series([0.0, 1.0]))
    assert np.isfinite(found.log_loss)
    assert found.log_loss > 30
