"""A feature that tells the label is found; one that merely looks as if it did is left alone."""

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from include.problems import kind_of
from include.training.fitting import Recipe
from include.training.leakage import joint_score, single_feature_scores
from include.use_case_sections import Problem

ROWS = 2000
LIMIT = 0.95
random = np.random.default_rng(11)
LABEL = pd.Series(random.integers(0, 2, ROWS))
DAYS = pd.Series([f"2013-01-{1 + index % 10:02d}" for index in range(ROWS)])
NOISE = pd.Series(random.normal(size=ROWS))


def kind(name, **more):
    section = {"kind": name, "question": "?", "key": ["id"], **more}
    return kind_of(TypeAdapter(Problem).validate_python(section))


BINARY = kind("binary")


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
    return single_feature_scores(BINARY, rows, label, days, numbers=numbers, categories=categories)["x"]


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


# Other kinds of labels

AMOUNT = pd.Series(np.exp(random.normal(size=ROWS)))
CLASSES = pd.Series(random.choice(["cat", "dog", "eel"], ROWS)).astype(object)
NUMBERED = CLASSES.map({"cat": 1.0, "dog": 2.0, "eel": 3.0})
AMOUNTS, SEVERAL = kind("regression"), kind("multiclass", classes=["cat", "dog", "eel"])
OTHERS = {
    "a copy": (AMOUNTS, AMOUNT, AMOUNT, "number", (0.999, 1)),
    "a noisy copy": (AMOUNTS, AMOUNT, AMOUNT + 0.05 * NOISE, "number", (0.98, 1)),
    "the other way round, in another unit": (AMOUNTS, AMOUNT, -1 / AMOUNT, "number", (0.999, 1)),
    "a copy in steps, as text": (AMOUNTS, AMOUNT, text((AMOUNT * 20).round()), "category", (0.98, 1)),
    "noise beside an amount": (AMOUNTS, AMOUNT, NOISE, "number", (0, 0.1)),
    "a constant beside an amount": (AMOUNTS, AMOUNT, NOISE * 0, "number", (0, 0)),
    "a hint of an amount": (AMOUNTS, AMOUNT, AMOUNT + 3 * NOISE, "number", (0.1, 0.6)),
    "a code of the class": (SEVERAL, CLASSES, NUMBERED + 0.05 * NOISE, "number", (0.95, 1)),
    "the class itself": (SEVERAL, CLASSES, CLASSES, "category", (0.999, 1)),
    "noise beside classes": (SEVERAL, CLASSES, NOISE, "number", (0.4, 0.6)),
    "some other text": (SEVERAL, CLASSES, text(np.arange(ROWS) % 7), "category", (0.4, 0.6)),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_copies_of_other_labels(case):
    problem, label, values, form, (low, high) = case
    numbers, categories = (["x"], []) if form == "number" else ([], ["x"])
    rows = pd.DataFrame({"x": values})
    found = single_feature_scores(problem, rows, label, DAYS, numbers=numbers, categories=categories)["x"]
    assert low <= found <= high


# All features together


def together(problem, label, columns, limit=0.99):
    rows = pd.DataFrame(columns).assign(label=label, partition=DAYS)
    names = list(columns)
    recipe = Recipe(kind=problem, numbers=names, categories=[], names=names, seed=1, threads=1)
    return joint_score(rows, recipe, limit=limit)


HALF = pd.Series(random.integers(0, 2, ROWS))
SPLIT = {
    "a difference of two columns": {"one": LABEL + 5 * NOISE, "other": 5 * NOISE},
    "one exclusive or the other": {"one": HALF * 1.0, "other": (HALF ^ LABEL) * 1.0},
}


@pytest.mark.parametrize("planted", SPLIT.values(), ids=SPLIT)
def test_a_label_split_over_two_columns_is_caught_together(planted):
    """Neither column alone says much, so that the check of single features is passed."""
    columns = {"noise": pd.Series(random.normal(size=ROWS)), **planted}
    assert all(auc_of(values, "number") < 0.7 for values in planted.values())
    found = together(BINARY, LABEL, columns)
    assert found.score > 0.99
    assert set(found.blamed) == {"one", "other"}


def test_an_amount_split_over_two_columns_is_caught_together():
    columns = {"noise": NOISE[::-1].to_numpy(), "one": AMOUNT + 9 * NOISE, "other": 9 * NOISE}
    found = together(AMOUNTS, AMOUNT, columns)
    assert (found.score > 0.99, set(found.blamed)) == (True, {"one", "other"})


def test_honest_features_together_are_no_leak():
    other = pd.Series(random.normal(size=ROWS))
    found = together(BINARY, LABEL, {"hint": LABEL + 2 * NOISE, "another": LABEL + 2 * other})
    assert 0.6 < found.score < 0.85
    assert found.blamed == []


def test_what_cannot_be_judged_together_is_none():
    assert together(BINARY, LABEL * 0, {"x": NOISE}).score is None
