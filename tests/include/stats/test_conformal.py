"""Ranks among the past: exactness of the p-value, and the volume rule on made-up seasons."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import partitions
from include.stats.conformal import rank_p_value, volume_deviation, volume_p_value

DAYS = partitions.span("2013-01-01", "2013-08-31")


@given(st.lists(st.integers(0, 20) | st.just(math.inf), max_size=30), st.integers(0, 20) | st.just(math.inf))
@settings(deadline=None)
def test_the_p_value_is_the_share_of_all_values_that_are_as_large(history, value):
    together = [*history, value]
    assert rank_p_value(value, history) == sum(other >= value for other in together) / len(together)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=40), st.sampled_from([0.01, 0.05, 0.1, 0.5]))
@settings(deadline=None)
def test_of_values_in_any_order_at_most_alpha_have_a_p_value_of_alpha(values, alpha):
    """Exact validity: let each value in turn be the newest; ties included."""
    p_values = [rank_p_value(value, values[:i] + values[i + 1 :]) for i, value in enumerate(values)]
    assert sum(p <= alpha for p in p_values) <= alpha * len(values)


def test_nan():
    assert rank_p_value(2.0, [1.0, math.nan, 3.0]) == rank_p_value(2.0, [1.0, 3.0])
    assert rank_p_value(2.0, [math.nan]) == rank_p_value(2.0, []) == 1
    with pytest.raises(ValueError, match="NaN"):
        rank_p_value(math.nan, [1.0])


@given(st.integers(1, 10**6), st.lists(st.integers(1, 10**6), min_size=1, max_size=8))
@settings(deadline=None)
def test_deviation_by_hand(count, earlier):
    by_hand = abs(math.log(count) - math.log(statistics.median(earlier)))
    assert volume_deviation(count, earlier) == pytest.approx(by_hand, abs=1e-9)


@pytest.mark.parametrize(
    ("count", "earlier", "deviation"),
    [
        pytest.param(0, [10, 10], math.inf, id="no rows where rows are usual"),
        pytest.param(5, [0, 0, 0], math.inf, id="rows where none are usual"),
        pytest.param(0, [0, 0, 7], 0.0, id="no rows where none are usual"),
        pytest.param(20, [10], math.log(2), id="double"),
        pytest.param(5, [10], math.log(2), id="half is as far as double"),
    ],
)
def test_deviation_of_named_cases(count, earlier, deviation):
    assert volume_deviation(count, earlier) == pytest.approx(deviation)


@pytest.mark.parametrize(
    ("count", "earlier"), [(1, []), (-1, [1]), (1, [-1]), (math.nan, [1]), (1, [math.nan])]
)
def test_deviation_of_wrong_arguments(count, earlier):
    with pytest.raises(ValueError, match="counts"):
        volume_deviation(count, earlier)


def a_year(seed, *, spread=0.03):
    random = np.random.default_rng(seed)
    level = [1000, 950, 980, 1000, 990, 700, 880]
    return {
        day: round(level[partitions.parse(day).weekday()] * math.exp(random.normal(0, spread)))
        for day in DAYS
    }


def slow_volume(partition, counts, weeks, past, known_days=()):
    """The rule as it is written, one partition at a time."""
    usable = sorted(key for key in counts if key < partition and key not in known_days)

    def deviation(key):
        before = partitions.same_weekday(key, [other for other in usable if other < key])[-weeks:]
        return volume_deviation(counts[key], [counts[b] for b in before]) if len(before) == weeks else None

    history = [found for key in usable if (found := deviation(key)) is not None][-past:]
    return None if deviation(partition) is None else rank_p_value(deviation(partition), history)


@given(
    st.dictionaries(st.sampled_from(DAYS[:60]), st.integers(0, 5), min_size=1),
    st.sampled_from(DAYS[20:60]),
    st.integers(1, 4),
    st.integers(1, 40),
    st.sets(st.sampled_from(DAYS[:60]), max_size=5),
)
@settings(deadline=None, max_examples=60)
def test_the_volume_rule_agrees_with_its_slow_form(counts, partition, weeks, past, known_days):
    counts = {**counts, partition: counts.get(partition, 3)}
    ours = volume_p_value(partition, counts, weeks=weeks, past=past, known_days=known_days)
    slow = slow_volume(partition, counts, weeks, past, known_days)
    assert (ours and ours.p_value) == slow


def test_the_volume_rule_refuses_and_accepts():
    counts = a_year(1)
    last = DAYS[-1]
    usual = volume_p_value(last, counts)
    assert usual.expected == statistics.median(
        counts[partitions.shift(last, -7 * week)] for week in (1, 2, 3, 4)
    )
    fallen = volume_p_value(last, {**counts, last: round(0.8 * usual.expected)})
    assert usual.p_value > 0.01
    assert usual.past == 100
    assert fallen.p_value == fallen.smallest_p_value == 1 / 101
    assert fallen.deviation == pytest.approx(-math.log(0.8), abs=0.01)


def test_the_future_does_not_change_the_past():
    counts = a_year(2)
    day = DAYS[150]
    until_then = {key: count for key, count in counts.items() if key <= day}
    assert volume_p_value(day, counts) == volume_p_value(day, until_then)


def test_a_known_day_is_neither_expectation_nor_rank():
    counts = a_year(3)
    day, week_before = DAYS[-1], DAYS[-8]
    dropped = {**counts, week_before: 1}
    known = volume_p_value(day, dropped, known_days={week_before})
    absent = volume_p_value(day, {key: count for key, count in dropped.items() if key != week_before})
    assert known == absent
    assert volume_p_value(day, dropped) != known


def test_too_little_past():
    counts = a_year(4)
    assert volume_p_value(DAYS[27], counts) is None
    first = volume_p_value(DAYS[28], counts)
    assert (first.past, first.p_value, first.smallest_p_value) == (0, 1.0, 1.0)


def test_false_refusals_and_power_of_the_volume_rule():
    judged = refused = caught = 0
    for seed in range(8):
        counts = a_year(seed + 10)
        for day in DAYS[130::3]:
            rank = volume_p_value(day, counts)
            judged += 1
            refused += rank.p_value <= 0.01
            caught += volume_p_value(day, {**counts, day: round(0.8 * counts[day])}).p_value <= 0.01
    assert refused / judged <= 0.01 + 2 * math.sqrt(0.01 * 0.99 / judged)
    assert caught / judged >= 0.95


def test_wrong_arguments():
    counts = a_year(5)
    with pytest.raises(ValueError, match="2014-01-01 has no row count"):
        volume_p_value("2014-01-01", counts)
    with pytest.raises(ValueError, match="weeks is 0"):
        volume_p_value(DAYS[-1], counts, weeks=0)
    with pytest.raises(ValueError, match="past is 0"):
        volume_p_value(DAYS[-1], counts, past=0)
