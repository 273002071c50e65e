"""Bounds of a share: against scipy's root finder, and by the error rates that they must keep."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from include.stats.proportions import exceeds_limit, share_bounds

alphas = st.sampled_from([1e-6, 0.001, 0.01, 0.05, 0.5])


@st.composite
def samples(draw):
    trials = draw(st.integers(1, 5000))
    return draw(st.integers(0, trials)), trials


@given(samples(), alphas)
@settings(deadline=None)
def test_bounds_agree_with_scipy(sample, alpha):
    successes, trials = sample
    lower, upper = share_bounds(successes, trials, alpha)
    exact = binomtest(successes, trials).proportion_ci(1 - 2 * alpha, method="exact")
    assert lower == pytest.approx(exact.low, abs=1e-9)
    assert upper == pytest.approx(exact.high, abs=1e-9)
    assert 0 <= lower <= successes / trials <= upper <= 1


@given(samples(), alphas)
@settings(deadline=None)
def test_a_bound_is_the_share_at_which_the_sample_just_becomes_unlikely(sample, alpha):
    successes, trials = sample
    lower, upper = share_bounds(successes, trials, alpha)
    if successes > 0:
        assert binom.sf(successes - 1, trials, lower) == pytest.approx(alpha, rel=1e-6)
    if successes < trials:
        assert binom.cdf(successes, trials, upper) == pytest.approx(alpha, rel=1e-6)


@given(samples(), st.floats(0, 1), alphas)
@settings(deadline=None)
def test_more_failures_never_look_better(sample, limit, alpha):
    successes, trials = sample
    order = ["within", "uncertain", "exceeds"]
    seen = [
        order.index(exceeds_limit(k, trials, limit, alpha)) for k in (successes, min(successes + 1, trials))
    ]
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("successes", "trials", "limit", "verdict"),
    [
        pytest.param(0, 0, 0.05, "uncertain", id="no rows say nothing"),
        pytest.param(0, 0, 0.0, "uncertain", id="no rows say nothing, even of a limit of 0"),
        pytest.param(0, 900, 0.0, "within", id="a limit of 0 speaks of the rows: none"),
        pytest.param(1, 10**6, 0.0, "exceeds", id="a limit of 0 speaks of the rows: one"),
        pytest.param(900, 900, 1.0, "within", id="a limit of 1 cannot be exceeded"),
        pytest.param(900, 900, 0.9, "exceeds", id="all rows"),
        pytest.param(50, 1000, 0.05, "uncertain", id="at the limit"),
        pytest.param(0, 458, 0.01, "uncertain", id="clean, one row too few"),
        pytest.param(0, 459, 0.01, "within", id="clean, and enough rows"),
    ],
)
def test_named_cases(successes, trials, limit, verdict):
    assert exceeds_limit(successes, trials, limit, 0.01) == verdict


def test_rows_that_a_clean_batch_needs():
    assert math.ceil(math.log(0.01) / math.log(1 - 0.01)) == 459


def test_error_rates_are_exact_sums_below_alpha():
    """No simulation needed: sum the binomial over the counts that give a verdict."""
    alpha, trials = 0.01, 5000
    counts = np.arange(trials + 1)
    at = {share: binom.pmf(counts, trials, share) for share in (0.04, 0.05, 0.07)}
    refused = np.array([exceeds_limit(int(k), trials, 0.05, alpha) == "exceeds" for k in counts])
    accepted = np.array([exceeds_limit(int(k), trials, 0.05, alpha) == "within" for k in counts])
    assert at[0.05][refused].sum() <= alpha
    assert at[0.04][refused].sum() < 1e-6
    assert at[0.05][accepted].sum() <= alpha
    assert at[0.07][refused].sum() >= 0.99


def test_twelve_columns_together_err_at_alpha():
    """The default rule, observed share > limit, refuses 45 % of such batches."""
    nulls = np.random.default_rng(12).binomial(1000, 0.04, size=(2000, 12))
    verdicts = {int(k): exceeds_limit(int(k), 1000, 0.05, 0.01 / 12) for k in np.unique(nulls)}
    refused = np.vectorize(lambda k: verdicts[int(k)] == "exceeds")(nulls).any(axis=1)
    assert refused.mean() <= 0.01
    assert (nulls > 50).any(axis=1).mean() > 0.4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 10, 0.05, 0.01), "-1 successes in 10 trials"),
        ((11, 10, 0.05, 0.01), "11 successes in 10 trials"),
        ((1, 10, 1.5, 0.01), "limit is 1.5"),
        ((1, 10, math.nan, 0.01), "limit is nan"),
        ((1, 10, 0.05, 0), "alpha is 0"),
        ((1, 10, 0.05, 0.6), "alpha is 0.6"),
        ((1, 10, 0.05, math.nan), "alpha is nan"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        exceeds_limit(*arguments)
