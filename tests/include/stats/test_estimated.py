"""Estimates without labels: right for calibrated scores, honest about how they erred."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from include.stats.estimated import estimate, expected_auc, expected_log_loss


def test_calibrated_scores_foretell_their_loss_and_auc():
    random = np.random.default_rng(1)
    scores = random.beta(2, 5, 40_000)
    labels = random.random(len(scores)) < scores
    assert expected_log_loss(scores) == pytest.approx(log_loss(labels, scores), abs=0.01)
    assert expected_auc(scores) == pytest.approx(roc_auc_score(labels, scores), abs=0.01)


def test_the_expected_auc_is_the_mean_over_all_labellings():
    """Against every pair of rows: the one positive, the other negative."""
    scores = np.array([0.1, 0.4, 0.4, 0.8, 0.9])
    over = under = 0.0
    for i, p in enumerate(scores):
        for j, q in enumerate(scores):
            if i != j:
                weight = p * (1 - q)
                under += weight
                over += weight * ((p > q) + 0.5 * (p == q))
    assert expected_auc(scores) == pytest.approx(over / under)


@pytest.mark.parametrize("scores", [[0.0, 0.0], [1.0, 1.0]])
def test_sure_scores_of_one_class_have_no_auc(scores):
    assert math.isnan(expected_auc(scores))
    assert expected_log_loss(scores) == pytest.approx(0, abs=1e-12)


def test_it_is_corrected_by_its_bias_and_follows_what_the_scores_say():
    expected = [0.40, 0.55, 0.45, 0.50, 0.60, 0.42]
    realised = [value + 0.05 for value in expected]
    found = estimate(0.7, expected, realised, alpha=0.1)
    assert found.value == pytest.approx(0.75)
    assert found.useful


def test_it_says_that_it_is_useless_where_the_mean_is_as_near():
    random = np.random.default_rng(2)
    found = estimate(0.5, random.normal(0.5, 0.1, 20), random.normal(0.5, 0.01, 20), alpha=0.1)
    assert not found.useful
    assert found.lower < found.value < found.upper


def test_the_interval_holds_as_often_as_it_says():
    random = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        expected = random.normal(0.5, 0.05, 21)
        realised = expected + random.normal(0.02, 0.03, 21)
        found = estimate(expected[-1], expected[:-1], realised[:-1], alpha=0.2)
        held += found.lower <= realised[-1] <= found.upper
    assert 0.74 < held / 400 < 0.92


def test_too_few_days_give_no_estimate_and_unequal_lists_are_refused():
    assert estimate(0.5, [0.4] * 4, [0.4] * 4, alpha=0.1) is None
    with pytest.raises(ValueError, match="give both for each labelled day"):
        estimate(0.5, [0.4] * 6, [0.4] * 5, alpha=0.1)
