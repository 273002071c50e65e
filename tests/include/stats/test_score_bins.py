"""Loss at fixed inputs: the mix of scores cannot move it, the relation can."""

import numpy as np
import pytest

from include.stats.score_bins import Bins, bin_edges, binned, calibration_error, pooled, standardised_loss


def drawn(random, scores, turned=0.0):
    risk = np.clip(scores + turned, 0.01, 0.99)
    labels = (random.random(len(scores)) < risk).astype(float)
    losses = -np.where(labels == 1, np.log(scores), np.log1p(-scores))
    return losses, labels


def test_another_mix_of_scores_leaves_it_where_it_was_and_another_relation_does_not():
    random = np.random.default_rng(1)
    usual = random.uniform(0.05, 0.95, 20_000)
    edges = bin_edges(usual)
    weights = binned(edges, usual, *drawn(random, usual)).rows
    harder = 0.5 + (usual - 0.5) * 0.4
    means = {}
    for name, scores, turned in (("usual", usual, 0), ("harder", harder, 0), ("turned", usual, 0.2)):
        losses, labels = drawn(random, scores, turned)
        means[name] = losses.mean(), standardised_loss(binned(edges, scores, losses, labels), weights)
    assert means["harder"][0] > means["usual"][0] + 0.05
    assert means["turned"][1] > means["usual"][1] + 0.03
    assert means["usual"][1] == pytest.approx(means["usual"][0], abs=0.02)


EDGES = {
    "distinct": (np.arange(1, 11) / 10, 10, 9),
    "ties": ([0.2] * 50 + [0.8] * 50, 10, 2),
    "constant": ([0.5] * 20, 10, 0),
    "one row": ([0.3], 10, 0),
}


@pytest.mark.parametrize(("scores", "bins", "count"), EDGES.values(), ids=EDGES)
def test_bins_are_as_many_as_the_scores_allow(scores, bins, count):
    edges = bin_edges(scores, bins)
    assert len(edges) == count
    assert sum(binned(edges, np.asarray(scores), np.zeros(len(scores))).rows) == len(scores)


def test_a_day_that_covers_too_little_has_no_standardised_loss():
    found = Bins([5, 0, 0], [1, 0, 0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0])
    assert standardised_loss(found, [10, 20, 30]) is None
    assert standardised_loss(found, [40, 20, 10]) == pytest.approx(0.4)
    assert standardised_loss(Bins([0], [0], [0.0], [0.0]), [1]) is None


def test_calibration_error_and_pooling():
    day = Bins([10, 10], [1, 9], [2.0, 8.0], [3.0, 3.0])
    assert calibration_error(day) == pytest.approx(0.1)
    assert pooled([day, day]) == Bins([20, 20], [2, 18], [4.0, 16.0], [6.0, 6.0])
    assert np.isnan(calibration_error(Bins([0], [0], [0.0], [0.0])))
