"""Fitting: early stopping that never sees the future, and rows that count more than others."""

import numpy as np
import pandas as pd
import pytest

from include import partitions
from include.errors import UseCaseError
from include.feature_sets import load_features
from include.problems import kind_of
from include.training.fitting import Recipe, fit, row_weights, stopped
from include.use_case_sections import FeatureWeights, GradientBoosting, LinearModel, RecencyWeights

DAYS = partitions.span("2013-01-01", "2013-01-10")
STOPPING = GradientBoosting(
    kind="gradient_boosting", max_iter=60, min_samples_leaf=5, learning_rate=0.3, early_stopping_rounds=10
)


@pytest.fixture
def recipe(trips):
    return Recipe(kind=kind_of(trips.problem), numbers=["x"], categories=[], names=["x"], seed=1, threads=1)


def rows_of(*, newest_turned=False, noise=1.0):
    random = np.random.default_rng(3)
    day = np.repeat(DAYS, 80)
    x = random.normal(size=len(day))
    label = (x + noise * random.normal(size=len(day)) > 0).astype(int)
    if newest_turned:
        label = np.where(np.isin(day, DAYS[-3:]), 1 - label, label)
    return pd.DataFrame({"x": x, "label": label, "partition": day})


def test_iterations_that_do_not_help_later_days_are_cut(recipe):
    found = stopped(STOPPING, rows_of(), recipe)
    assert 1 < found.max_iter < 30


def test_the_newest_days_decide_when_to_stop(recipe):
    """On days where all is the other way round, each iteration makes it worse: the first is the best."""
    assert stopped(STOPPING, rows_of(newest_turned=True), recipe).max_iter == 1


def test_after_stopping_all_days_are_learned_from(recipe):
    rows = rows_of()
    model = fit(STOPPING, rows, recipe)
    cut = stopped(STOPPING, rows, recipe).model_copy(update={"early_stopping_rounds": None})
    np.testing.assert_array_equal(
        model.predict_proba(rows[["x"]]), fit(cut, rows, recipe).predict_proba(rows[["x"]])
    )
    assert model["model"].n_iter_ == cut.max_iter


@pytest.mark.parametrize(
    ("model", "rows"),
    [(LinearModel(kind="linear"), rows_of()), (STOPPING, rows_of().head(240))],
    ids=["no such model", "too few days"],
)
def test_what_cannot_stop_stays_as_it_is(recipe, model, rows):
    assert stopped(model, rows, recipe) == model


def test_recent_rows_count_more(recipe):
    rule = RecencyWeights(kind="recency", half_life_days=3)
    rows = rows_of()
    found = pd.Series(row_weights(rows, rule)).groupby(rows["partition"]).first()
    assert found["2013-01-10"] == 1.0
    assert found["2013-01-07"] == 0.5
    assert found["2013-01-04"] == 0.25


def test_weights_reach_the_model(recipe):
    """Old days say the opposite of new ones; whoever counts more decides."""
    rows = rows_of(newest_turned=True, noise=0.2)
    asked = pd.DataFrame({"x": [2.0]})
    plain = fit(LinearModel(kind="linear"), rows, recipe)
    recent = Recipe(**{**vars(recipe), "weights": RecencyWeights(kind="recency", half_life_days=1)})
    weighed = fit(LinearModel(kind="linear"), rows, recent)
    assert plain.predict_proba(asked)[0, 1] > 0.5 > weighed.predict_proba(asked)[0, 1]


def test_a_feature_says_how_much_a_row_counts():
    rows = pd.DataFrame({"w": [2.0, np.nan, 0.0]})
    rule = FeatureWeights(kind="feature", name="w")
    assert row_weights(rows, rule).tolist() == [2.0, 0.0, 0.0]
    with pytest.raises(UseCaseError, match="feature 'w' is below 0 in 1 rows"):
        row_weights(rows - 1.0, rule)


def test_the_weighing_feature_is_not_learned_from(flying, changed, featured):
    features = load_features(flying, featured.settings)

    def recipe_of(name):
        weights = {"training.sample_weights": {"kind": "feature", "name": name}}
        folder = featured.settings.use_cases_dir
        return Recipe.of(changed(flying, weights), features, threads=1, use_cases_dir=folder)

    assert "distance" not in recipe_of("distance").names
    with pytest.raises(UseCaseError, match="'carrier' is no feature of kind number"):
        recipe_of("carrier")
