"""Means of period blocks: against scipy, and by false alarms where rows share their period."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from include.stats.blocks import exceeds_baseline

sides = st.lists(st.integers(-1000, 1000).map(lambda k: k / 64), min_size=2, max_size=12)


@given(sides, sides, st.sampled_from([0.001, 0.01, 0.05]))
@settings(deadline=None)
def test_the_bound_agrees_with_scipy(current, baseline, alpha):
    assume(len(set(current)) > 1 and len(set(baseline)) > 1)
    ours = exceeds_baseline(current, baseline, 0.0, alpha)
    theirs = ttest_ind(current, baseline, equal_var=False, alternative="greater")
    assert ours.lower_bound == pytest.approx(theirs.confidence_interval(1 - alpha).low, abs=1e-9, rel=1e-9)
    assert ours.degrees_of_freedom == pytest.approx(theirs.df)
    if abs(theirs.pvalue - alpha) > 1e-9:
        assert ours.exceeds == (theirs.pvalue < alpha)


@given(sides, sides, st.floats(-100, 100), st.floats(0, 10))
@settings(deadline=None)
def test_shift_and_margin(current, baseline, shift, margin):
    plain = exceeds_baseline(current, baseline, margin, 0.05)
    moved = exceeds_baseline([c + shift for c in current], [b + shift for b in baseline], margin, 0.05)
    assert moved.difference == pytest.approx(plain.difference, abs=1e-9)
    assert moved.lower_bound == pytest.approx(plain.lower_bound, abs=1e-6)
    assert plain.exceeds == (plain.lower_bound > margin)
    assert plain.lower_bound <= plain.difference == plain.mean_current - plain.mean_baseline


def test_constant_blocks_are_compared_as_they_are():
    result = exceeds_baseline([0.25, 0.25], [0.125, 0.125, 0.125], 0.1, 0.01)
    assert (result.lower_bound, result.degrees_of_freedom, result.exceeds) == (0.125, 3.0, True)
    assert not exceeds_baseline([0.25, 0.25], [0.25, 0.25], 0.0, 0.01).exceeds


def test_false_alarms_where_rows_share_their_period():
    """Weeks differ about five times more than rows of one week: a test over rows alarms far too often."""
    random = np.random.default_rng(5)
    alarms_of_blocks, alarms_of_rows, repeats, margin = 0, 0, 2000, 0.01
    for _ in range(repeats):
        current = random.normal(0.2 + margin, 0.02, size=(4, 1)) + random.normal(0, 0.1, size=(4, 100))
        baseline = random.normal(0.2, 0.02, size=(8, 1)) + random.normal(0, 0.1, size=(8, 100))
        alarms_of_blocks += exceeds_baseline(
            current.mean(axis=1), baseline.mean(axis=1), margin, 0.05
        ).exceeds
        alarms_of_rows += exceeds_baseline(current.ravel(), baseline.ravel(), margin, 0.05).exceeds
    assert alarms_of_blocks / repeats == pytest.approx(0.05, abs=2.5 * math.sqrt(0.05 * 0.95 / repeats))
    assert alarms_of_rows / repeats > 0.15


def test_power():
    random = np.random.default_rng(6)
    found = [
        exceeds_baseline(random.normal(0.25, 0.02, 4), random.normal(0.2, 0.02, 8), 0.01, 0.05).exceeds
        for _ in range(500)
    ]
    assert np.mean(found) > 0.75


@pytest.mark.parametrize(
    ("current", "baseline", "margin", "alpha", "message"),
    [
        ([1.0], [1.0, 2.0], 0, 0.05, "current_block_means holds 1 values; at least 2"),
        ([1.0, 2.0], [], 0, 0.05, "baseline_block_means holds 0 values"),
        ([1.0, math.nan], [1.0, 2.0], 0, 0.05, "holds 1 values that are NaN"),
        ([[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0], 0, 0.05, "2 dimensions"),
        ([1.0, 2.0], [1.0, 2.0], -0.1, 0.05, "margin is -0.1"),
        ([1.0, 2.0], [1.0, 2.0], math.inf, 0.05, "margin is inf"),
        ([1.0, 2.0], [1.0, 2.0], 0, 0.7, "alpha is 0.7"),
    ],
)
def test_wrong_arguments(current, baseline, margin, alpha, message):
    with pytest.raises(ValueError, match=message):
        exceeds_baseline(current, baseline, margin, alpha)
