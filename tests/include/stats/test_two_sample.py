"""The two-sample rule: rare on equal samples, sure on changes, and a number for whatever the columns hold."""

import math

import numpy as np
import pandas as pd
import pytest

from include.stats.two_sample import two_sample

NUMBERS, CATEGORIES = ["x", "y", "z"], ["c"]


def rows(random, count, **changes):
    x = random.normal(size=count)
    frame = pd.DataFrame(
        {
            "x": x,
            "y": 0.5 * x + random.normal(size=count),
            "z": random.exponential(size=count),
            "c": random.choice(["a", "b", "c", "rare"], count, p=[0.5, 0.3, 0.198, 0.002]),
        }
    )
    return frame.assign(**{name: change(frame, random) for name, change in changes.items()})


def compared(reference, current, seed=1, **columns):
    asked = {"numbers": NUMBERS, "categories": CATEGORIES} | columns
    return two_sample(reference, current, seed=seed, **asked)


CHANGES = {
    "a shift": ({"x": lambda f, r: f["x"] + 0.2}, "values", "x"),
    "shares": ({"c": lambda f, r: f["c"].mask(r.random(len(f)) < 0.15, "c")}, "values", "c"),
    "a new category": ({"c": lambda f, r: f["c"].mask(r.random(len(f)) < 0.05, "new")}, "values", "c"),
    "nulls": ({"z": lambda f, r: f["z"].mask(r.random(len(f)) < 0.03)}, "nulls", "z"),
    "the sign of a correlation": ({"y": lambda f, r: -f["y"]}, "correlation", "x ~ y"),
    "the spread alone": ({"z": lambda f, r: f["z"] * r.choice([0.5, 1.5], len(f))}, "values", "z"),
}


@pytest.mark.parametrize(("change", "test", "column"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_found_and_named(change, test, column):
    random = np.random.default_rng(4)
    found = compared(rows(random, 2000), rows(random, 1500, **change))
    assert found.p_value <= 0.01
    assert (found.tests[0].test, found.tests[0].column) == (test, column)
    assert found.tests[0].share == max(one.share for one in found.tests)
    assert found.tests[0].p_value == found.p_value


def test_equal_samples_are_told_apart_as_seldom_as_promised():
    """Sixty pairs of unequal sizes: p is uniform, and at .1 six are expected."""
    random = np.random.default_rng(7)
    found = [compared(rows(random, 300), rows(random, 120), seed).p_value for seed in range(60)]
    assert 1 <= sum(p <= 0.1 for p in found) <= 13
    assert min(found) >= 1 / 1000
    assert 0.3 < float(np.median(found)) < 0.7


def test_it_does_not_matter_which_sample_is_called_the_reference():
    random = np.random.default_rng(2)
    one, other = rows(random, 400), rows(random, 150, x=lambda f, r: f["x"] + 0.3)
    there, back = compared(one, other), compared(other, one)
    assert there.statistic == pytest.approx(back.statistic)
    assert abs(there.p_value - back.p_value) < 0.02


def test_the_same_seed_gives_the_same_answer():
    random = np.random.default_rng(3)
    one, other = rows(random, 200), rows(random, 200)
    assert compared(one, other) == compared(one, other)


ODD = {
    "constant": {"x": lambda f, r: 1.0},
    "all null": {"x": lambda f, r: np.nan, "c": lambda f, r: None},
    "infinite": {"x": lambda f, r: np.inf},
    "one category": {"c": lambda f, r: "a"},
    "a category a row": {"c": lambda f, r: [f"id {k}" for k in range(len(f))]},
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_odd_columns_on_both_sides_prove_nothing(change):
    random = np.random.default_rng(5)
    found = compared(rows(random, 300, **change), rows(random, 200, **change))
    assert found.p_value > 0.01
    assert all(math.isfinite(test.share) for test in found.tests)


@pytest.mark.parametrize("change", [ODD["all null"], ODD["constant"], ODD["one category"]])
def test_odd_columns_on_one_side_are_found(change):
    random = np.random.default_rng(6)
    assert compared(rows(random, 300), rows(random, 200, **change)).p_value <= 0.01


@pytest.mark.parametrize("count", [1, 2, 4])
def test_tiny_samples_prove_nothing(count):
    random = np.random.default_rng(8)
    found = compared(rows(random, 500), rows(random, count))
    assert 0 < found.p_value <= 1
    assert math.isfinite(found.statistic)


def test_of_very_many_columns_the_first_two_hundred_are_looked_at():
    random = np.random.default_rng(9)
    names = [f"n{k}" for k in range(2000)]
    one, other = (pd.DataFrame(random.normal(size=(60, 2000)), columns=names) for _ in range(2))
    found = compared(one, other, numbers=names, categories=["gone"])
    assert len({test.column for test in found.tests if test.test == "values"}) == 200


WRONG = {
    "no rows": (0, {}, "0 rows against 5"),
    "no columns": (5, {"numbers": [], "categories": []}, "0 columns"),
    "too few permutations": (5, {"permutations": 99}, "at least 999"),
}


@pytest.mark.parametrize(("count", "options", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_compared_is_said(count, options, message):
    random = np.random.default_rng(1)
    with pytest.raises(ValueError, match=message):
        compared(rows(random, 5).head(count), rows(random, 5), **options)
