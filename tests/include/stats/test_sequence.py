"""Loss watched daily: seldom wrong however often it is asked, and in time where it should speak."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.stats.sequence import decay, lower_mean_bound, mean_e_value, upper_mean_bound


def test_the_evidence_is_that_of_the_integrated_likelihood():
    """Against a numeric integral over effects and spreads, with the right Haar prior of the spread."""
    from scipy.integrate import quad
    from scipy.stats import nct
    from scipy.stats import t as student_t

    blocks = [0.2, 0.9, 0.4, 1.3]
    n, mean, spread = 4, np.mean(blocks), np.std(blocks, ddof=1)
    observed = math.sqrt(n) * mean / spread

    def weighed(effect):
        prior = math.exp(-(effect**2) / 20) / math.sqrt(20 * math.pi)
        return prior * float(nct.pdf(observed, n - 1, math.sqrt(n) * effect))

    integral = quad(weighed, -12, 12, limit=200)[0] / float(student_t.pdf(observed, n - 1))
    assert mean_e_value(blocks, 0.0) == pytest.approx(integral, rel=1e-3)


def test_asked_every_day_it_is_wrong_in_fewer_streams_than_alpha():
    random = np.random.default_rng(1)
    wrong = 0
    for _ in range(150):
        stream = random.normal(0.4, 0.05, 60)
        wrong += any(mean_e_value(stream[:n], 0.4) >= 20 for n in range(2, 61, 2))
    assert wrong / 150 <= 0.05


@given(
    blocks=st.lists(st.floats(-5, 5), min_size=2, max_size=30),
    alpha=st.sampled_from([0.01, 0.05, 0.2]),
)
@settings(deadline=None, max_examples=60)
def test_the_bound_is_where_the_evidence_reaches_one_in_alpha(blocks, alpha):
    bound = lower_mean_bound(blocks, alpha)
    spread = float(np.std(blocks, ddof=1))
    assert bound <= np.mean(blocks) + 1e-12
    if spread > 1e-3 and math.isfinite(bound):
        assert mean_e_value(blocks, bound - 1e-3 * spread) >= 1 / alpha
        assert mean_e_value(blocks, bound + 1e-3 * spread) <= 1 / alpha


EVIDENCE = {
    "one block": ([0.9], 0.1, 1.0),
    "below the level": ([0.1, 0.2, 0.3], 0.5, 31**-0.5),
    "at the level": ([0.4, 0.6], 0.5, 21**-0.5),
    "nothing varies": ([0.5] * 4, 0.4, 41**1.5),
}


@pytest.mark.parametrize(("blocks", "level", "expected"), EVIDENCE.values(), ids=EVIDENCE)
def test_evidence_at_the_edges(blocks, level, expected):
    assert mean_e_value(blocks, level) == pytest.approx(expected)


def test_too_few_blocks_bound_nothing_and_equal_ones_bound_at_once():
    assert lower_mean_bound([0.5, 0.6], 0.01) == -math.inf
    assert lower_mean_bound([0.5] * 8, 0.01) == 0.5


def test_the_upper_bound_of_a_baseline_is_student_s():
    from scipy.stats import t as student_t

    blocks = [0.4, 0.5, 0.45, 0.42]
    error = np.std(blocks, ddof=1) / 2
    assert upper_mean_bound(blocks, 0.05) == pytest.approx(np.mean(blocks) + student_t.ppf(0.95, 3) * error)
    with pytest.raises(ValueError, match="at least 2"):
        upper_mean_bound([0.4], 0.05)


def test_in_control_the_sum_stays_low_and_a_small_lasting_rise_lifts_it():
    random = np.random.default_rng(5)
    calm = [decay(random.normal(size=7), random.normal(size=28), allowance=0.25).value for _ in range(200)]
    steps = np.repeat([0.0, 1.5], 14)
    risen = [decay(random.normal(size=7), random.normal(steps), allowance=0.25).value for _ in range(200)]
    assert np.mean([value >= 8 for value in calm]) < 0.04
    assert np.mean([value >= 8 for value in risen]) > 0.6


def test_the_standardised_blocks_are_standard_normal_however_short_the_baseline():
    random = np.random.default_rng(6)
    # Above an allowance next to nothing the sum of the first block is its positive part.
    first = np.array(
        [decay(random.normal(size=3), random.normal(size=1), allowance=1e-9).value for _ in range(4000)]
    )
    assert np.mean(first > 0) == pytest.approx(0.5, abs=0.03)
    assert np.mean(first > 1.645) == pytest.approx(0.05, abs=0.012)


SUMS = {
    "no blocks": ([0.4, 0.5], [], 0.0, 0),
    "constant, as before": ([0.4, 0.4], [0.4, 0.4], 0.0, 0),
    "constant, then a rise": ([0.4, 0.4], [0.5], 7.75, 1),
    "better than before": ([0.4, 0.5], [0.1, 0.1], 0.0, 0),
}


@pytest.mark.parametrize(("baseline", "blocks", "value", "since"), SUMS.values(), ids=SUMS)
def test_sums_at_the_edges(baseline, blocks, value, since):
    found = decay(baseline, blocks, allowance=0.25)
    assert (found.value, found.since) == (pytest.approx(value), since)


@pytest.mark.parametrize("allowance", [0, -1, math.inf, math.nan])
def test_a_senseless_allowance_is_refused(allowance):
    with pytest.raises(ValueError, match="The allowance is"):
        decay([0.1, 0.2], [0.1], allowance=allowance)


def test_values_that_are_none_are_refused():
    for ask in (lambda: mean_e_value([0.1, math.nan], 0), lambda: decay([0.1, 0.2], [math.inf], allowance=1)):
        with pytest.raises(ValueError, match="NaN or infinite"):
            ask()
