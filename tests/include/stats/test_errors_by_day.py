"""Errors of any statistic over days, calibration, and alpha spent over candidates."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from include.stats import bootstrap, bounds, calibration, leave_one_out, multiplicity
from include.stats.auc import auc_with_variance
from include.stats.bootstrap import bootstrap_blocks
from include.stats.calibration import calibration_slope, squared_calibration_error
from include.stats.leave_one_out import leave_one_block_out
from include.stats.multiplicity import spent


@pytest.mark.parametrize("module", [bounds, leave_one_out, bootstrap, calibration, multiplicity])
def test_the_examples_are_true(module):
    names = {"np": np} | vars(module)
    assert doctest.testmod(module, globs=names).failed == 0


def days_of(random, days, rows):
    return np.repeat(np.arange(days), rows), random.normal(size=days).repeat(rows) + random.normal(
        size=days * rows
    )


def test_of_a_mean_of_equal_days_it_is_the_error_of_the_days_means():
    day, values = days_of(np.random.default_rng(1), 9, 40)
    found = leave_one_block_out(lambda rows: float(values[rows].mean()), day)
    means = values.reshape(9, 40).mean(axis=1)
    assert found.standard_error == pytest.approx(means.std(ddof=1) / 3)
    assert (found.value, found.degrees_of_freedom) == (pytest.approx(values.mean()), 8.0)


def test_of_an_auc_it_is_near_the_closed_form():
    random = np.random.default_rng(2)
    day, score = days_of(random, 28, 150)
    label = (random.random(len(day)) < 1 / (1 + np.exp(-score))).astype(int)
    closed = auc_with_variance(label, score, day)
    found = leave_one_block_out(lambda rows: float(roc_auc_score(label[rows], score[rows])), day)
    assert found.value == pytest.approx(closed.auc)
    assert found.standard_error == pytest.approx(closed.standard_error, rel=0.1)


@pytest.mark.parametrize("days", [7, 21])
def test_a_one_sided_bound_misses_the_truth_as_often_as_it_says(days):
    """Ratio of sums over days that differ; 5 % nominal, of 400 samples at most 3.3 standard errors more."""
    missed = 0
    for seed in range(400):
        day, values = days_of(np.random.default_rng(seed), days, 10)
        missed += leave_one_block_out(lambda rows, v=values: float(v[rows].mean()), day).lower(0.05) > 0
    assert missed / 400 <= 0.05 + 3.3 * (0.05 * 0.95 / 400) ** 0.5


def test_a_figure_that_one_day_alone_decides_has_no_error():
    day, values = np.array([1, 1, 2, 2]), np.array([np.nan, 1.0, np.nan, np.nan])

    def first(rows):
        kept = values[rows][np.isfinite(values[rows])]
        return float(kept[0]) if len(kept) else float("nan")

    with pytest.raises(ValueError, match="there is no such figure"):
        leave_one_block_out(first, day)
    with pytest.raises(ValueError, match="1 block"):
        leave_one_block_out(lambda rows: 1.0, np.array([1, 1]))


def test_bootstrap_and_leaving_out_agree_on_a_ratio():
    random = np.random.default_rng(3)
    counts = np.column_stack([random.poisson(30, 14), random.poisson(100, 14)]).astype(float)
    drawn = bootstrap_blocks(counts, lambda sums: sums[:, 0] / sums[:, 1], resamples=4000, seed=1)
    left = leave_one_block_out(lambda rows: counts[rows, 0].sum() / counts[rows, 1].sum(), np.arange(14))
    assert drawn.value == pytest.approx(left.value)
    assert drawn.standard_error == pytest.approx(left.standard_error, rel=0.15)
    assert drawn == bootstrap_blocks(counts, lambda sums: sums[:, 0] / sums[:, 1], resamples=4000, seed=1)
    with pytest.raises(ValueError, match="Too few draws"):
        bootstrap_blocks(counts * 0, lambda sums: sums[:, 0] / sums[:, 1], resamples=100, seed=1)


def test_calibration_of_a_right_model_is_zero_on_average_and_its_slope_is_that_of_a_regression():
    random = np.random.default_rng(4)
    errors = []
    for _ in range(200):
        score = random.random(500)
        label = (random.random(500) < score).astype(int)
        errors.append(squared_calibration_error(label, score, (score * 10).astype(int)))
    assert abs(np.mean(errors)) < 3.5 * np.std(errors) / 200**0.5
    logit = np.log(score / (1 - score))
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit[:, None], label)
    assert calibration_slope(label, score) == pytest.approx(fitted.coef_[0, 0], rel=1e-4)
    assert np.isnan(calibration_slope(label, np.full(500, 0.3)))
    assert np.isnan(calibration_slope(np.ones(500, dtype=int), score))


@given(alpha=st.floats(1e-6, 0.5), first=st.floats(0.01, 0.99), tests=st.integers(1, 300))
@settings(deadline=None)
def test_however_many_tests_there_are_they_spend_at_most_alpha(alpha, first, tests):
    shares = [spent(alpha, earlier, first) for earlier in range(tests)]
    assert sum(shares) <= alpha * (1 + 1e-9)
    assert all(share > 0 for share in shares)


@pytest.mark.parametrize(("earlier", "first"), [(-1, 0.8), (0, 0.0), (0, 1.1)])
def test_wrong_arguments_are_told(earlier, first):
    with pytest.raises(ValueError, match="give 0 or more"):
        spent(0.05, earlier, first)
