"""Corrections for many tests: against the closed test that it abbreviates, and by simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from include.stats.multiplicity import bonferroni, holm

p_lists = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.001, 0.01, 0.0125, 0.05, 1.0]), max_size=6)


@given(p_lists)
@settings(deadline=None)
def test_holm_is_the_closed_bonferroni_test(p_values):
    """Reject a hypothesis when every set of hypotheses that holds it is rejected by Bonferroni."""
    members = range(len(p_values))
    sets = [chosen for size in members for chosen in itertools.combinations(members, size + 1)]
    rejected_sets = {chosen for chosen in sets if min(p_values[i] for i in chosen) <= 0.05 / len(chosen)}
    slow = [all(chosen in rejected_sets for chosen in sets if i in chosen) for i in members]
    assert holm(p_values, 0.05) == slow


@given(p_lists, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_holm_does_not_depend_on_the_order(p_values, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    assert holm([p_values[i] for i in order], 0.05) == [holm(p_values, 0.05)[i] for i in order]


@given(p_lists)
@settings(deadline=None)
def test_holm_rejects_what_bonferroni_rejects(p_values):
    if p_values:
        alone = bonferroni(0.05, len(p_values))
        assert all(by_holm or p > alone for by_holm, p in zip(holm(p_values, 0.05), p_values, strict=True))


def test_family_wise_error_under_dependence():
    """Twenty correlated nulls beside one true effect: Holm errs in at most alpha of the families."""
    random = np.random.default_rng(20)
    shared = random.normal(size=(4000, 1))
    nulls = norm.sf(0.6 * shared + 0.8 * random.normal(size=(4000, 20)))
    false = [any(holm([1e-9, *row], 0.05)[1:]) for row in nulls]
    assert np.mean(false) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 4000)
    assert (nulls <= 0.05).any(axis=1).mean() > 0.3


def test_empty():
    assert holm([], 0.05) == []


def test_wrong_arguments():
    for wrong in (math.nan, -0.1, 1.1):
        with pytest.raises(ValueError, match=f"p-value {wrong}"):
            holm([0.5, wrong], 0.05)
    with pytest.raises(ValueError, match="0 looks"):
        bonferroni(0.05, 0)
    for alpha in (0, 1, math.nan):
        with pytest.raises(ValueError, match="alpha is"):
            bonferroni(alpha, 1)
        with pytest.raises(ValueError, match="alpha is"):
            holm([0.1], alpha)
