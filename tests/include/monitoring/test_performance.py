"""Live loss against the holdout's: a table of cases, and that a higher loss never calms the alarm."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from include.decisions import Verdict
from include.monitoring.performance import (
    DayPerformance,
    EstimatedPerformance,
    PerformanceEvidence,
    check,
    day_performance,
)
from include.problems import kind_of
from include.use_case_sections import BinaryProblem, Performance

POLICY = Performance(min_days=4, margin=0.02, alpha=0.05)
HOLDOUT = [0.40, 0.42, 0.41, 0.43, 0.39, 0.41, 0.42]
KIND = kind_of(BinaryProblem(kind="binary", question="?", key=["trip"]))


def evidence(live, holdout=HOLDOUT, **more):
    return PerformanceEvidence(
        model_version="1",
        live={
            f"2013-01-{day:02d}": DayPerformance(rows=900, loss=loss, metric=None)
            for day, loss in enumerate(live, start=1)
        },
        holdout_losses=holdout,
        **more,
    )


CASES = {
    "as on the holdout": (HOLDOUT, HOLDOUT, "pass", "log_loss 0.411 over 7 days against 0.411"),
    "better": ([0.3] * 7, HOLDOUT, "pass", "alarming above 0.44"),
    "worse by less than the margin": ([0.42, 0.43, 0.42, 0.43], HOLDOUT, "pass", "log_loss 0.425"),
    "surely worse": ([0.60, 0.62, 0.61, 0.63], HOLDOUT, "warn", "surely 0.5"),
    "worse, but not surely": ([0.30, 0.80, 0.35, 0.75], HOLDOUT, "pass", "log_loss 0.550"),
    "too few days": ([0.9, 0.9, 0.9], HOLDOUT, "undecided", "3 days with labels, needed 4"),
    "no labels yet": ([], HOLDOUT, "undecided", "0 days with labels, needed 4"),
    "a holdout of one day": ([0.6] * 7, [0.4], "undecided", "fewer than two days to compare with"),
    "no holdout": ([0.6] * 7, [], "undecided", "fewer than two days to compare with"),
    "nothing varies": ([0.5] * 4, [0.4] * 4, "warn", "surely 0.500"),
    "slow decay": (
        [0.41 + 0.003 * day for day in range(20)],
        [*HOLDOUT, 0.40, 0.42, 0.41],
        "warn",
        "log_loss 0.43",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_verdicts(case):
    live, holdout, verdict, reason = case
    ruling = check(evidence(live, holdout), POLICY)
    assert ruling.verdict.value == verdict
    assert reason in ruling.reasons[0]
    assert ruling.error_rate == 0.05


def test_slow_decay_alarms_by_its_sum_where_the_bound_is_not_sure():
    live = [0.41 + 0.003 * day for day in range(20)]
    deaf = POLICY.model_copy(update={"decay_limit": 100.0})
    assert check(evidence(live), deaf).verdict is Verdict.PASS
    assert "alarming at 10" in check(evidence(live), POLICY).reasons[1]


LOSSES = st.lists(st.floats(0.01, 3), min_size=4, max_size=10)


@given(live=LOSSES, holdout=st.lists(st.floats(0.01, 3), min_size=2, max_size=10), more=st.floats(0, 3))
@settings(deadline=None)
def test_a_higher_loss_never_makes_the_bound_less_sure(live, holdout, more):
    bound_only = POLICY.model_copy(update={"decay_limit": 1e9})
    before = check(evidence(live, holdout), bound_only).verdict
    after = check(evidence([loss + more for loss in live], holdout), bound_only).verdict
    assert before is not Verdict.WARN or after is Verdict.WARN or more < 1e-9


def test_false_alarms_are_rare_where_nothing_changed():
    """Days that differ as days do, live and holdout alike, one look at a month: far below alpha."""
    random = np.random.default_rng(3)
    rounds = 300
    alarms = sum(
        check(evidence(random.normal(0.42, 0.05, 28), list(random.normal(0.42, 0.05, 7))), POLICY).verdict
        is Verdict.WARN
        for _ in range(rounds)
    )
    assert alarms / rounds < 0.04


LEFT_OUT = {
    "contradicted": ({"contradicted": 3}, "3 rows left out, whose labels contradict each other"),
    "another champion": ({"foreign": 5}, "5 rows left out, which another champion scored"),
    "early labels": ({"early": 2}, "2 labels were known before their prediction"),
}


@pytest.mark.parametrize(("more", "reason"), LEFT_OUT.values(), ids=LEFT_OUT)
@pytest.mark.parametrize("live", [[], HOLDOUT], ids=["without days", "with days"])
def test_what_was_left_out_is_said_and_alarms_nobody(live, more, reason):
    ruling = check(evidence(live, **more), POLICY)
    assert reason in ruling.reasons
    assert ruling.verdict is (Verdict.PASS if live else Verdict.UNDECIDED)


@pytest.mark.parametrize("useful", [True, False])
def test_an_estimate_is_shown_and_called_useless_where_it_is(useful):
    told = EstimatedPerformance(
        metric="log_loss", value=0.4, lower=0.3, upper=0.5, days=9, error=0.1, plain_error=0.2, useful=useful
    )
    ruling = check(evidence([], estimated=[told]), POLICY)
    assert ruling.verdict is Verdict.UNDECIDED
    assert ruling.reasons[1].startswith("estimated log_loss 0.400 (0.300 to 0.500)")
    assert ("useless" in ruling.reasons[1]) != useful


def labelled(label, score):
    rows = pd.DataFrame({"label": label, "score": score})
    return rows.assign(loss=KIND.row_losses(rows["label"].to_numpy(), rows["score"].to_numpy()))


def test_the_figures_of_a_day_are_those_of_its_kind_of_problem():
    random = np.random.default_rng(4)
    rows = labelled(random.integers(0, 2, 300), random.random(300))
    found = day_performance(rows, KIND)
    assert found.rows == 300
    assert found.loss == pytest.approx(rows["loss"].mean(), abs=1e-6)
    assert found.metric == pytest.approx(roc_auc_score(rows["label"], rows["score"]), abs=1e-6)


DAYS = {
    "all late": ([1, 1, 1], [0.9, 0.8, 0.7]),
    "none late": ([0, 0], [0.1, 0.2]),
    "one row": ([1], [0.5]),
}


@pytest.mark.parametrize(("label", "score"), DAYS.values(), ids=DAYS)
def test_a_day_of_one_label_has_a_loss_but_no_ranking(label, score):
    found = day_performance(labelled(label, score), KIND)
    assert found.metric is None
    assert found.loss == pytest.approx(
        -np.mean(np.log(np.where(label, score, 1 - np.array(score)))), abs=1e-6
    )


def test_a_score_that_was_quite_sure_and_wrong_costs_a_finite_loss():
    found = day_performance(labelled([1, 0], [0.0, 1.0]), KIND)
    assert np.isfinite(found.loss)
    assert found.loss > 30
