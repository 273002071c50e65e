"""Profiles of columns: the figures, the odd columns, and the same bytes for the same rows."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.stats.profile import COLUMNS, OTHER, PROBABILITIES, profile_frame


def number(values):
    return profile_frame(pd.DataFrame({"x": values}), numbers=["x"], categories=[]).iloc[0]


def category(values):
    return profile_frame(pd.DataFrame({"x": values}), numbers=[], categories=["x"]).iloc[0]


def counts(values):
    return json.loads(category(values)["categories"])


@given(st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=60))
@settings(deadline=None)
def test_the_figures_of_a_number(values):
    found = number(pd.Series(values, dtype="float64"))
    some = [value for value in values if value is not None]
    assert (found["count"], found["nulls"]) == (len(values), len(values) - len(some))
    if not some:
        assert found["quantiles"] is None
        assert np.isnan(found["mean"])
        return
    quantiles = json.loads(found["quantiles"])
    assert len(quantiles) == len(PROBABILITIES) == 41
    assert quantiles == sorted(quantiles)
    assert (quantiles[0], quantiles[-1]) == (min(some), max(some))
    assert found["mean"] == pytest.approx(np.mean(some))
    assert found["std"] == pytest.approx(np.std(some), abs=1e-6)


@given(st.lists(st.none() | st.sampled_from(["a", "b", "c", "ä", ""]), min_size=1, max_size=60))
@settings(deadline=None)
def test_the_counts_of_a_category(values):
    found = category(pd.Series(values, dtype="object"))
    some = [value for value in values if value is not None]
    assert (found["count"], found["nulls"]) == (len(values), len(values) - len(some))
    assert json.loads(found["categories"]) == {value: some.count(value) for value in set(some)}


@given(st.permutations(range(40)))
@settings(deadline=None)
def test_the_same_rows_in_any_order_give_the_same_bytes(order):
    rows = pd.DataFrame(
        {"n": [index % 7 for index in range(40)], "c": [f"c{index % 9}" for index in range(40)]}
    )
    one = profile_frame(rows, numbers=["n"], categories=["c"])
    other = profile_frame(rows.iloc[order], numbers=["n"], categories=["c"])
    text = ["quantiles", "categories"]
    pd.testing.assert_frame_equal(one[text], other[text], check_exact=True)


def test_columns_come_in_the_order_asked_for_numbers_first():
    rows = pd.DataFrame({"a": [1.0], "b": ["x"], "c": [2]})
    found = profile_frame(rows, numbers=["c", "a"], categories=["b"])
    assert list(found.columns) == list(COLUMNS)
    assert found["column"].tolist() == ["c", "a", "b"]
    assert found["kind"].tolist() == ["number", "number", "category"]


NUMBERS = {
    "integers": (pd.Series([1, 2, 3]), 0, 2.0),
    "integers with nulls": (pd.Series([1, None, 3], dtype="Int64"), 1, 2.0),
    "booleans": (pd.Series([True, False]), 0, 0.5),
    "objects": (pd.Series([1.0, None], dtype="object"), 1, 1.0),
    "infinities count as missing": (pd.Series([1.0, np.inf, -np.inf]), 2, 1.0),
    "a constant": (pd.Series([5.0, 5.0]), 0, 5.0),
}


@pytest.mark.parametrize(("values", "nulls", "mean"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_of_every_type(values, nulls, mean):
    found = number(values)
    assert (found["nulls"], found["mean"]) == (nulls, mean)


@pytest.mark.parametrize("values", [pd.Series([np.nan] * 3), pd.Series([None] * 3, dtype="object")])
def test_a_column_without_values(values):
    assert number(values)["quantiles"] is None
    assert (category(values)["categories"], category(values)["nulls"]) == ("{}", 3)


def test_no_rows_and_no_columns():
    rows = pd.DataFrame({"x": pd.Series([], dtype="float64"), "c": pd.Series([], dtype="object")})
    found = profile_frame(rows, numbers=["x"], categories=["c"])
    assert found["count"].tolist() == [0, 0]
    nothing = profile_frame(rows, numbers=[], categories=[])
    assert (len(nothing), list(nothing.columns)) == (0, list(COLUMNS))


def test_rare_categories_are_counted_together():
    values = ["common"] * 3 + [f"c{index:03d}" for index in range(250)]
    found = counts(values)
    assert len(found) == 201
    assert found["common"] == 3
    assert found[OTHER] == 51
    assert sum(found.values()) == len(values)
    assert "c198" in found
    assert "c199" not in found


def test_a_category_called_like_the_rest_is_counted_with_it():
    values = [OTHER] * 5 + [f"c{index:03d}" for index in range(250)]
    assert sum(counts(values).values()) == len(values)
    assert counts(values)[OTHER] == 5 + 51


def test_categories_are_ordered_by_count_and_then_by_name():
    assert list(counts(["b", "a", "c", "c"])) == ["c", "a", "b"]


def test_the_types_do_not_depend_on_what_was_found():
    """Delta tables keep the type of a column, so a day without values must not have another."""
    full = profile_frame(pd.DataFrame({"x": [1.0]}), numbers=["x"], categories=[])
    empty = profile_frame(pd.DataFrame({"x": [np.nan]}), numbers=["x"], categories=[])
    assert full.dtypes.equals(empty.dtypes)
