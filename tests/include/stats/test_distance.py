"""Distances between profiles: against distances of raw data, and by the laws that a distance obeys."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, wasserstein_distance

from include.stats.distance import quantile_distance, share_difference, total_variation

GRID = np.linspace(0, 1, 41)
quantiles = st.lists(st.integers(-(10**6), 10**6).map(lambda k: k / 128), min_size=5, max_size=5).map(sorted)
counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 10**6), min_size=1).filter(
    lambda found: sum(found.values()) > 0
)


def test_a_shift_of_a_normal_reads_in_standard_deviations():
    inner = np.linspace(0.001, 0.999, 999)
    reference = norm.ppf(inner) * 3 + 7
    assert quantile_distance(reference, reference + 0.3, inner) == pytest.approx(0.1, rel=1e-3)


def test_agrees_with_the_distance_of_raw_data():
    random = np.random.default_rng(1)
    reference, current = random.normal(10, 2, 20_000), random.normal(10.5, 3, 20_000)
    grid = np.linspace(0, 1, 401)
    ours = quantile_distance(np.quantile(reference, grid), np.quantile(current, grid))
    scale = (np.quantile(reference, 0.75) - np.quantile(reference, 0.25)) / (2 * norm.ppf(0.75))
    assert ours == pytest.approx(wasserstein_distance(reference, current) / scale, rel=0.02)


@given(quantiles, quantiles, st.floats(0.01, 100), st.floats(-100, 100))
@settings(deadline=None)
def test_the_unit_does_not_matter(reference, current, factor, shift):
    plain = quantile_distance(reference, current)
    changed = quantile_distance(
        [factor * q + shift for q in reference], [factor * q + shift for q in current]
    )
    if reference[3] - reference[1] > 0.1 or plain == 0:
        assert changed == pytest.approx(plain, rel=1e-6, abs=1e-9)


@given(quantiles, quantiles)
@settings(deadline=None)
def test_zero_only_for_equal_profiles(reference, current):
    distance = quantile_distance(reference, current)
    assert math.isfinite(distance)
    assert (distance == 0) == (reference == current)


@given(st.integers(-100, 100), quantiles)
@settings(deadline=None)
def test_leaving_a_constant_reads_at_most_two(constant, current):
    distance = quantile_distance([constant] * 5, current)
    assert 0 <= distance <= 2 + 1e-12


@pytest.mark.parametrize(
    ("reference", "current", "distance"),
    [
        pytest.param([3, 3, 3], [3, 3, 3], 0.0, id="constant stays"),
        pytest.param([3, 3, 3], [4, 4, 4], 2.0, id="constant becomes another"),
        pytest.param([0, 0, 0], [1e-200, 1e-200, 1e-200], 2.0, id="tiny constants do not vanish"),
        pytest.param([0, 1, 1, 1, 2], [1, 2, 2, 2, 3], 2.0, id="equal quartiles: shift by two sd"),
        pytest.param(
            [0, 1e-200, 1e-200, 1e-200, 2e-200], [1e-200, 2e-200, 2e-200, 2e-200, 3e-200], 2.0, id="tiny"
        ),
        pytest.param([0, 0, 0, 0, 4], [1, 1, 1, 1, 5], 1 / math.sqrt(2 - 0.25), id="equal quartiles: sd"),
    ],
)
def test_columns_without_spread(reference, current, distance):
    assert quantile_distance(reference, current) == pytest.approx(distance)


def test_an_uneven_grid_gives_what_a_fine_even_grid_gives():
    uneven = np.array([0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1])
    fine = np.linspace(0, 1, 2001)
    reference, current = np.array([0, 1, 2, 4, 5, 6, 9, 20, 50.0]), np.array([1, 2, 3, 5, 7, 9, 12, 30, 80.0])
    by_hand = quantile_distance(np.interp(fine, uneven, reference), np.interp(fine, uneven, current))
    assert quantile_distance(reference, current, uneven) == pytest.approx(by_hand, rel=1e-3)


@given(counts, counts)
@settings(deadline=None)
def test_total_variation_is_the_largest_difference_over_all_events(reference, current):
    p, q = ({k: v / sum(side.values()) for k, v in side.items()} for side in (reference, current))
    gains = [max(0.0, q.get(k, 0) - p.get(k, 0)) for k in {*p, *q}]
    distance = total_variation(reference, current)
    assert distance == pytest.approx(math.fsum(gains), abs=1e-12)
    assert 0 <= distance <= 1
    assert total_variation(current, reference) == pytest.approx(distance, abs=1e-12)
    assert total_variation(reference, reference) == 0


@given(counts, counts, counts)
@settings(deadline=None)
def test_total_variation_obeys_the_triangle(a, b, c):
    assert total_variation(a, c) <= total_variation(a, b) + total_variation(b, c) + 1e-12


def test_total_variation_of_nothing_in_common_is_one():
    assert total_variation({"a": 3, "b": 1}, {"c": 7}) == 1


@given(st.integers(0, 50), st.integers(50, 100), st.integers(0, 50), st.integers(50, 100))
@settings(deadline=None)
def test_share_difference(reference, reference_rows, current, current_rows):
    two_levels = total_variation(
        {"null": reference, "value": reference_rows - reference},
        {"null": current, "value": current_rows - current},
    )
    ours = share_difference(reference, reference_rows, current, current_rows)
    assert ours == pytest.approx(two_levels, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quantile_distance([], []), "reference_quantiles holds 0 values"),
        (lambda: quantile_distance([1, 2], [1, math.nan]), "current_quantiles holds 1 values that are NaN"),
        (lambda: quantile_distance([1, 2, 3], [1, 2]), "3 reference and 2 current"),
        (lambda: quantile_distance([1, 2], [1, 2], [0, 0.5, 1]), "at 3 probabilities"),
        (lambda: quantile_distance([2, 1], [1, 2]), "reference_quantiles are not in ascending order"),
        (lambda: quantile_distance([1, 2], [1, 2], [0, 2]), "run from 0.0 to 2.0"),
        (lambda: quantile_distance([1, 2], [1, 2], [0.5, 0.5]), "distinct"),
        (lambda: total_variation({}, {"a": 1}), "reference_counts sum to 0 rows"),
        (lambda: total_variation({"a": 1}, {"a": 0}), "current_counts sum to 0 rows"),
        (lambda: total_variation({"a": 2, "b": -1}, {"a": 1}), "reference_counts"),
        (lambda: share_difference(0, 0, 1, 2), "reference share is 0 of 0"),
        (lambda: share_difference(0, 1, 3, 2), "current share is 3 of 2"),
        (lambda: share_difference(-1, 1, 1, 2), "reference share is -1 of 1"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
