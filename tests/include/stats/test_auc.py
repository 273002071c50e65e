"""AUC with its error: against slow definitions and sklearn, and by false promotions where days matter."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student_t
from sklearn.metrics import roc_auc_score

from include.stats.auc import auc_of, auc_with_variance, paired_auc_difference

ALPHA = 0.05


@st.composite
def scored(draw):
    size = draw(st.integers(6, 24))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)))
    assume(2 <= y.sum() <= size - 2)
    values = st.lists(st.integers(0, 6), min_size=size, max_size=size)
    blocks = draw(st.lists(st.sampled_from(["mon", "tue", "wed"]), min_size=size, max_size=size))
    return y, np.array(draw(values)) / 4, np.array(draw(values)) / 4, np.array(blocks)


def kernel(y, score):
    """1, one half or 0 for each pair of a positive (row) and a negative (column)."""
    gap = score[y == 1][:, None] - score[y == 0][None, :]
    return (gap > 0) + 0.5 * (gap == 0)


def slow_delong(pairs):
    on_positives, on_negatives = pairs.mean(axis=1), pairs.mean(axis=0)
    return on_positives.var(ddof=1) / len(on_positives) + on_negatives.var(ddof=1) / len(on_negatives)


def slow_obuchowski(pairs, blocks_of_positives, blocks_of_negatives):
    """Obuchowski (1997), equations for S10, S01 and S11, with loops over the blocks."""
    m, n = pairs.shape
    area, names = pairs.mean(), {*blocks_of_positives, *blocks_of_negatives}
    sums = {
        name: (
            sum(pairs[i].mean() - area for i in range(m) if blocks_of_positives[i] == name),
            sum(pairs[:, j].mean() - area for j in range(n) if blocks_of_negatives[j] == name),
        )
        for name in names
    }
    g10, g01, g = len({*blocks_of_positives}), len({*blocks_of_negatives}), len(names)
    s10 = g10 / ((g10 - 1) * m) * sum(x * x for x, _ in sums.values())
    s01 = g01 / ((g01 - 1) * n) * sum(y * y for _, y in sums.values())
    s11 = g / (g - 1) * sum(x * y for x, y in sums.values())
    return s10 / m + s01 / n + 2 * s11 / (m * n)


@given(scored())
@settings(deadline=None)
def test_without_blocks_it_is_delong(data):
    y, a, b, _ = data
    one, pair = auc_with_variance(y, a), paired_auc_difference(y, a, b)
    assert one.auc == pair.auc_a == pytest.approx(roc_auc_score(y, a))
    assert pair.auc_b == pytest.approx(roc_auc_score(y, b))
    assert one.variance == pytest.approx(slow_delong(kernel(y, a)), abs=1e-12)
    assert pair.standard_error**2 == pytest.approx(slow_delong(kernel(y, a) - kernel(y, b)), abs=1e-12)
    assert one.degrees_of_freedom == pair.degrees_of_freedom == math.inf


@given(scored())
@settings(deadline=None)
def test_with_blocks_it_is_obuchowski(data):
    y, a, b, blocks = data
    positives, negatives = blocks[y == 1], blocks[y == 0]
    assume(len({*positives}) >= 2 and len({*negatives}) >= 2)
    pair = paired_auc_difference(y, a, b, blocks)
    slow = slow_obuchowski(kernel(y, a) - kernel(y, b), positives, negatives)
    assert pair.standard_error**2 == pytest.approx(slow, abs=1e-12)
    assert pair.degrees_of_freedom == min(len({*positives}), len({*negatives})) - 1
    assert auc_with_variance(y, a, blocks).variance == pytest.approx(
        slow_obuchowski(kernel(y, a), positives, negatives), abs=1e-12
    )


@given(scored())
@settings(deadline=None)
def test_exchange_order_and_monotone_scores(data):
    y, a, b, _ = data
    pair, back = paired_auc_difference(y, a, b), paired_auc_difference(y, b, a)
    assert (back.difference, back.standard_error) == (-pair.difference, pytest.approx(pair.standard_error))
    assert back.upper(ALPHA) == pytest.approx(-pair.lower(ALPHA))
    assert paired_auc_difference(y, np.exp(a) - 5, b**3) == pair
    assert paired_auc_difference(y[::-1], a[::-1], b[::-1]).difference == pytest.approx(pair.difference)
    same = paired_auc_difference(y, a, a)
    assert same.difference == same.standard_error == same.lower(0.01) == 0


def test_bounds_use_the_right_quantiles():
    random = np.random.default_rng(3)
    y, a, b = random.integers(0, 2, 400), random.normal(size=400), random.normal(size=400)
    plain, days = paired_auc_difference(y, a, b), paired_auc_difference(y, a, b, np.arange(400) % 20)
    assert plain.lower(ALPHA) == pytest.approx(plain.difference - norm.ppf(0.95) * plain.standard_error)
    assert days.upper(ALPHA) == pytest.approx(days.difference + student_t.ppf(0.95, 19) * days.standard_error)
    assert plain.detectable(0.05, 0.9) == pytest.approx(
        (norm.ppf(0.95) + norm.ppf(0.9)) * plain.standard_error
    )
    assert auc_with_variance(y, a).lower(0.5) == pytest.approx(roc_auc_score(y, a))


def test_block_labels_of_any_kind_give_one_answer():
    random = np.random.default_rng(4)
    y, a, b, day = (
        random.integers(0, 2, 200),
        random.normal(size=200),
        random.normal(size=200),
        np.arange(200) % 5,
    )
    expected = paired_auc_difference(y.astype(bool), a, b, day)
    for labels in (
        [f"2013-01-{d + 1:02d}" for d in day],
        np.datetime64("2013-01-01") + day,
        (day + 7).tolist(),
    ):
        assert paired_auc_difference(y, a, b, labels) == expected


def day_dependent(random, days, rows):
    """Two equally good models, each better on some days and worse on others."""
    y = random.random(days * rows) < 0.3

    def model():
        quality = np.repeat(random.normal(1, 0.4, days), rows)
        return quality * y + random.normal(size=days * rows)

    return y, model(), model(), np.repeat(np.arange(days), rows)


@pytest.mark.parametrize("days", [14, 28])
def test_false_promotions_where_rows_of_a_day_depend(days):
    """Whole days as units hold the 5 %; rows as units promote three times as often."""
    random, repeats = np.random.default_rng(days), 800
    clustered = plain = 0
    for _ in range(repeats):
        y, a, b, day = day_dependent(random, days, 60)
        clustered += paired_auc_difference(y, a, b, day).lower(ALPHA) > 0
        plain += paired_auc_difference(y, a, b).lower(ALPHA) > 0
    error = math.sqrt(ALPHA * (1 - ALPHA) / repeats)
    assert clustered / repeats == pytest.approx(ALPHA, abs=2.5 * error)
    assert plain / repeats > ALPHA + 6 * error


def test_false_promotions_and_power_where_rows_are_independent():
    random, repeats, rows = np.random.default_rng(7), 600, 400
    false = found = 0
    for _ in range(repeats):
        y = random.random(rows) < 0.4
        shared, own_a, own_b = random.normal(size=(3, rows))
        worse, better = y + shared + 0.5 * own_a, 1.6 * y + shared + 0.5 * own_b
        false += paired_auc_difference(y, y + shared + 0.5 * own_b, worse).lower(ALPHA) > 0
        found += paired_auc_difference(y, better, worse).lower(ALPHA) > 0
    assert false / repeats == pytest.approx(ALPHA, abs=2.5 * math.sqrt(ALPHA * (1 - ALPHA) / repeats))
    assert found / repeats > 0.9


OK = [0, 0, 1, 1]
UP = [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 1, 1, 1], UP, UP), "4 positives, 0 negatives"),
        (([0, 0, 0, 1], UP, UP), "1 positives, 3 negatives"),
        (([], [], []), "0 positives"),
        (([0, 1, 2, 1], UP, UP), "other than 0 and 1"),
        (([0, 1, math.nan, 1], UP, UP), "other than 0 and 1"),
        ((OK, [0.1, 0.2, math.nan, 0.4], UP), "score_a holds 1 NaN"),
        ((OK, UP, [0.1, 0.2, 0.3]), r"score_b has shape \(3,\) for 4 labels"),
        ((OK, UP, UP, ["a", "b", "a"]), "3 block labels for 4 rows"),
        ((OK, UP, UP, ["a"] * 4), "1 block; at least two"),
        ((OK, UP, UP, ["a", "a", None, "b"]), "1 rows have no block label"),
        ((OK, UP, UP, [1.0, 2.0, math.nan, 2.0]), "1 rows have no block label"),
        ((OK, UP, UP, ["a", "b", "c", "c"]), "A class occurs in 1 block only"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        paired_auc_difference(*arguments)


@pytest.mark.parametrize("alpha", [0, 0.6, math.nan])
def test_wrong_alpha(alpha):
    with pytest.raises(ValueError, match="alpha is"):
        auc_with_variance(OK, UP).lower(alpha)
    with pytest.raises(ValueError, match="1 - power is"):
        auc_with_variance(OK, UP).detectable(0.05, 0.3)


@given(data=st.data(), rows=st.integers(2, 40))
@settings(deadline=None)
def test_the_auc_alone_is_that_of_scikit_learn_ties_included(data, rows):
    label = data.draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows))
    score = data.draw(st.lists(st.integers(0, 5).map(float), min_size=rows, max_size=rows))
    found = auc_of(label, score)
    assert found == pytest.approx(roc_auc_score(label, score)) if len(set(label)) > 1 else math.isnan(found)
