"""Paired differences by blocks: the textbook's figures, and an error rate that holds."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from include.stats.paired_blocks import paired_block_difference


def test_it_is_students_test_on_the_means_of_the_blocks():
    random = np.random.default_rng(1)
    blocks = np.repeat([f"day {index}" for index in range(8)], 20)
    differences = random.normal(0.1, 1, 160)
    found = paired_block_difference(differences, blocks)
    means = differences.reshape(8, 20).mean(axis=1)
    expected = ttest_1samp(means, 0, alternative="greater")
    assert found.difference / found.standard_error == pytest.approx(expected.statistic)
    bound = expected.confidence_interval(0.95).low
    assert found.lower(0.05) == pytest.approx(bound)
    assert found.upper(0.05) == pytest.approx(2 * found.difference - bound)


def test_equal_models_are_called_different_no_more_often_than_promised():
    random = np.random.default_rng(2)
    blocks = np.repeat(np.arange(14).astype(str), 10)

    def wrong() -> bool:
        shared = np.repeat(random.normal(0, 1, 14), 10)  # what rows of a day have in common
        return paired_block_difference(shared + random.normal(0, 1, 140), blocks).lower(0.05) > 0

    rate = np.mean([wrong() for _ in range(600)])
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)


@pytest.mark.parametrize(
    ("differences", "blocks"),
    [([0.1, 0.2], ["a", "a"]), ([0.1, 0.2], ["a", "b", "c"]), ([0.1, float("nan")], ["a", "b"]), ([], [])],
)
def test_what_cannot_be_compared_is_refused(differences, blocks):
    with pytest.raises(ValueError, match=r"blocks|NaN|are needed"):
        paired_block_difference(differences, np.array(blocks))
