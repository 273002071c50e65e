"""A feature that tells the label is found; one that merely looks as if it did is left alone."""

import numpy as np
import pandas as pd
import pytest

from include.training.leakage import single_feature_aucs

ROWS = 2000
LIMIT = 0.95
random = np.random.default_rng(11)
LABEL = pd.Series(random.integers(0, 2, ROWS))
DAYS = pd.Series([f"2013-01-{1 + index % 10:02d}" for index in range(ROWS)])
NOISE = pd.Series(random.normal(size=ROWS))


def text(values):
    return pd.Series(values).astype(str)


LEAKS = {
    "the label": (LABEL.astype("float64"), "number"),
    "turned round": (1.0 - LABEL, "number"),
    "in another unit": (LABEL * 1e6 - 3, "number"),
    "with a little noise": (LABEL + 0.2 * NOISE, "number"),
    "with some values missing": (LABEL.astype("float64").mask(NOISE > 1.5), "number"),
    "as a category": (text(LABEL), "category"),
    "as many categories": (text(LABEL * 100 + np.arange(ROWS) // 40), "category"),
    "a category that some rows lack": (text(LABEL).mask(NOISE > 1.5), "category"),
}
HARMLESS = {
    "noise": (NOISE, "number"),
    "a constant": (pd.Series(1.0, index=range(ROWS)), "number"),
    "no value at all": (pd.Series(np.nan, index=range(ROWS)), "number"),
    "an honest hint": (LABEL + 2 * NOISE, "number"),
    "a category of its own for each row": (text(np.arange(ROWS)), "category"),
    "rare categories": (text(np.arange(ROWS) // 3), "category"),
    "a category without any value": (pd.Series([None] * ROWS, dtype="object"), "category"),
    "one category": (text(["UA"] * ROWS), "category"),
}


def auc_of(values, kind, label=LABEL, days=DAYS):
    numbers, categories = (["x"], []) if kind == "number" else ([], ["x"])
    rows = pd.DataFrame({"x": values})
    return single_feature_aucs(rows, label, days, numbers=numbers, categories=categories)["x"]


@pytest.mark.parametrize(("values", "kind"), LEAKS.values(), ids=LEAKS)
def test_a_copy_of_the_label_is_caught(values, kind):
    assert auc_of(values, kind) > LIMIT


@pytest.mark.parametrize(("values", "kind"), HARMLESS.values(), ids=HARMLESS)
def test_what_is_no_copy_does_not_fire(values, kind):
    assert 0.5 <= auc_of(values, kind) < 0.8


def test_the_order_of_the_rows_does_not_matter():
    order = random.permutation(ROWS)
    for kind, values in {"number": NOISE, "category": text(np.arange(ROWS) % 40)}.items():
        mixed = auc_of(values[order], kind, LABEL[order], DAYS[order])
        assert mixed == auc_of(values, kind)


UNDECIDABLE = {
    "one label everywhere": (LABEL * 0, DAYS, {"number": None, "category": None}),
    "one label on the days to judge on": (
        (DAYS.isin(["2013-01-01", "2013-01-03"])).astype(int),
        DAYS,
        {"number": 0.5, "category": None},
    ),
    "a single day": (LABEL, DAYS.mask(DAYS != "", "2013-01-01"), {"number": 0.5, "category": None}),
}


@pytest.mark.parametrize(("label", "days", "expected"), UNDECIDABLE.values(), ids=UNDECIDABLE)
def test_what_cannot_be_judged_is_none_not_harmless(label, days, expected):
    constant = {"number": pd.Series(1.0, index=range(ROWS)), "category": text(["UA"] * ROWS)}
    assert {kind: auc_of(values, kind, label, days) for kind, values in constant.items()} == expected
