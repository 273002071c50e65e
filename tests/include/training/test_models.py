"""Pipelines: what they must bear, and that a seed decides everything."""

import numpy as np
import pandas as pd
import pytest

from include.errors import UseCaseError
from include.training.models import build_pipeline
from include.use_case_sections import (
    CustomModel,
    GradientBoosting,
    LinearModel,
    LogisticRegression,
    RandomForest,
)

NUMBERS, CATEGORIES = ["wind", "hour"], ["carrier", "origin"]
MODELS = [
    GradientBoosting(kind="gradient_boosting", max_iter=20),
    LogisticRegression(kind="logistic_regression"),
    LinearModel(kind="linear"),
    RandomForest(kind="random_forest", n_estimators=20),
]


def rows_of(size, seed=0):
    random = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "wind": random.normal(20, 5, size),
            "hour": random.integers(0, 24, size).astype("float64"),
            "carrier": random.choice(["UA", "B6", "EV"], size),
            "origin": random.choice(["EWR", "JFK"], size),
        }
    )
    rows.loc[::7, "wind"] = np.nan
    rows.loc[::11, "carrier"] = None
    odds = 0.4 * (rows["wind"].fillna(20) - 20) + (rows["carrier"] == "EV")
    return rows, (odds + random.logistic(size=size) > 0.5).astype(int)


def fitted(model, rows, label, *, numbers=NUMBERS, categories=CATEGORIES, seed=1):
    return build_pipeline(model, numbers=numbers, categories=categories, seed=seed).fit(rows, label)


def scores(pipeline, rows):
    return pipeline.predict_proba(rows)[:, 1]


@pytest.fixture(params=MODELS, ids=lambda model: model.kind)
def model(request):
    return request.param


def test_a_pipeline_ranks_better_than_chance(model):
    from sklearn.metrics import roc_auc_score

    rows, label = rows_of(1500)
    fresh, outcome = rows_of(1500, seed=1)
    assert roc_auc_score(outcome, scores(fitted(model, rows, label), fresh)) > 0.75


def test_a_seed_decides_everything(model):
    rows, label = rows_of(1000)
    one, other = (scores(fitted(model, rows, label, seed=3), rows) for _ in range(2))
    np.testing.assert_array_equal(one, other)


STRANGE = {
    "unseen categories": {"carrier": "??", "origin": "LHR"},
    "missing categories": {"carrier": None, "origin": None},
    "missing numbers": {"wind": np.nan, "hour": np.nan},
    "far outside": {"wind": 1e12, "hour": -1e12},
}


@pytest.mark.parametrize("values", STRANGE.values(), ids=STRANGE)
def test_strange_rows_get_a_probability(model, values):
    rows, label = rows_of(1000)
    found = scores(fitted(model, rows, label), rows.head(20).assign(**values))
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()


LEARNED_FROM = {
    "a constant": {"wind": 1.0},
    "one category only": {"carrier": "UA"},
    "a category without any value": {"carrier": None},
}


@pytest.mark.parametrize("values", LEARNED_FROM.values(), ids=LEARNED_FROM)
def test_a_poor_column_neither_fails_nor_matters(model, values):
    rows, label = rows_of(1000)
    pipeline = fitted(model, rows.assign(**values), label)
    fresh, _ = rows_of(200, seed=2)
    assert np.isfinite(scores(pipeline, fresh)).all()


def test_more_categories_than_the_trees_can_hold(model):
    rows, label = rows_of(4000)
    rows["carrier"] = [f"carrier {index % 900}" for index in range(len(rows))]
    assert np.isfinite(scores(fitted(model, rows, label), rows)).all()


@pytest.mark.parametrize(
    ("numbers", "categories"), [(NUMBERS, []), ([], CATEGORIES)], ids=["numbers only", "categories only"]
)
def test_one_kind_of_column_is_enough(model, numbers, categories):
    rows, label = rows_of(1000)
    pipeline = fitted(model, rows[numbers + categories], label, numbers=numbers, categories=categories)
    assert list(pipeline.feature_names_in_) == numbers + categories
    assert scores(pipeline, rows[numbers + categories]).std() > 0


def test_columns_are_found_by_their_names(model):
    rows, label = rows_of(1000)
    pipeline = fitted(model, rows, label)
    mixed = rows[["origin", "hour", "wind", "carrier"]].assign(more=1)
    np.testing.assert_array_equal(scores(pipeline, mixed), scores(pipeline, rows))


def test_every_setting_of_the_trees_reaches_them():
    model = GradientBoosting(
        kind="gradient_boosting",
        max_iter=7,
        learning_rate=0.3,
        max_leaf_nodes=5,
        min_samples_leaf=9,
        l2_regularization=2.5,
    )
    trees = build_pipeline(model, numbers=NUMBERS, categories=CATEGORIES, seed=4)["model"]
    declared = model.model_dump(exclude={"kind", "early_stopping_rounds", "validation_days"})
    assert {name: trees.get_params()[name] for name in declared} == declared
    assert (trees.random_state, trees.categorical_features, trees.early_stopping) == (4, [0, 1], False)


def test_every_setting_of_the_linear_model_reaches_it():
    model = LogisticRegression(kind="logistic_regression", c=0.25, max_iter=77)
    linear = build_pipeline(model, numbers=NUMBERS, categories=CATEGORIES, seed=4)["model"]
    assert (linear.C, linear.max_iter) == (0.25, 77)


# Other kinds of problems

AMOUNTS = {
    "boosted, regression": (MODELS[0], "regression", "HistGradientBoostingRegressor", "squared_error"),
    "boosted, count": (MODELS[0], "count", "HistGradientBoostingRegressor", "poisson"),
    "forest, regression": (MODELS[3], "regression", "RandomForestRegressor", "squared_error"),
    "forest, count": (MODELS[3], "count", "RandomForestRegressor", "poisson"),
    "linear, regression": (MODELS[2], "regression", "Ridge", None),
    "linear, count": (MODELS[2], "count", "PoissonRegressor", None),
}


@pytest.mark.parametrize(("model", "problem", "name", "loss"), AMOUNTS.values(), ids=AMOUNTS)
def test_amounts_are_learned_with_the_loss_of_their_kind(model, problem, name, loss):
    rows, _ = rows_of(1500)
    label = rows["hour"] // 4 + (rows["carrier"] == "EV")
    pipeline = build_pipeline(model, numbers=NUMBERS, categories=CATEGORIES, seed=1, problem=problem)
    found = pipeline.fit(rows, label).predict(rows)
    assert np.corrcoef(found, label)[0, 1] > 0.8
    estimator = pipeline["model"]
    assert type(estimator).__name__ == name
    assert getattr(estimator, "loss", getattr(estimator, "criterion", None)) == loss
    assert problem != "count" or found.min() > 0


@pytest.mark.parametrize("index", [0, 2, 3], ids=lambda index: MODELS[index].kind)
def test_several_classes_get_a_probability_each(index):
    rows, _ = rows_of(1500)
    label = np.where(rows["hour"] < 8, "early", np.where(rows["hour"] < 16, "noon", "late"))
    pipeline = build_pipeline(
        MODELS[index], numbers=NUMBERS, categories=CATEGORIES, seed=1, problem="multiclass"
    )
    found = pipeline.fit(rows, label).predict_proba(rows)
    assert found.shape == (1500, 3)
    assert (pipeline.predict(rows) == label).mean() > 0.8


def test_balanced_classes_raise_the_scores_of_the_rare_one(model):
    rows, label = rows_of(1500)
    rare = label * (np.arange(1500) % 5 == 0)
    usual, balanced = (
        scores(fitted(model.model_copy(update={"class_weight": weight}), rows, rare), rows).mean()
        for weight in (None, "balanced")
    )
    assert balanced > usual + 0.1


# A model of the use case's own

CUSTOM = """
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline


def build(numbers, categories, seed, smoothing):
    columns = make_column_transformer((SimpleImputer(), numbers))
    return make_pipeline(columns, GaussianNB(var_smoothing=smoothing))


def fails(**options):
    raise RuntimeError("no luck")


def nothing(**options):
    return 7
"""


def custom(folder, function="model:build", **parameters):
    (folder / "model.py").write_text(CUSTOM)
    model = CustomModel(kind="custom", function=function, parameters=parameters)
    return build_pipeline(model, numbers=NUMBERS, categories=CATEGORIES, seed=1, folder=folder)


def test_a_function_of_the_use_case_makes_the_model(tmp_path):
    rows, label = rows_of(1000)
    pipeline = custom(tmp_path, smoothing=0.01).fit(rows, label)
    assert pipeline[-1].var_smoothing == 0.01
    assert np.isfinite(scores(pipeline, rows)).all()


WRONG = {
    "no such file": ("other:build", "other.py is missing"),
    "no such function": ("model:builds", "has no function 'builds'"),
    "it fails": ("model:fails", "fails: RuntimeError: no luck"),
    "no estimator": ("model:nothing", "returned a int; return an unfitted"),
    "other parameters": ("model:build", "fails: TypeError"),
}


@pytest.mark.parametrize(("function", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_function_is_told_plainly(tmp_path, function, message):
    with pytest.raises(UseCaseError, match=message):
        custom(tmp_path, function)
