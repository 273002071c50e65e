"""Searching for settings: forward in time only, within the budget, and the same again under the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from include.problems import kind_of
from include.training.fitting import Recipe
from include.training.search import folds, search
from include.training.stage import train
from include.use_case_sections import CustomModel, GradientBoosting, Search, Training, with_settings

SPACE = {
    "learning_rate": {"low": 0.0001, "high": 0.3, "log": True},
    "max_leaf_nodes": {"choices": [4, 8]},
}
SEARCH = {"trials": 6, "folds": 2, "space": SPACE}


@given(st.integers(3, 30), st.integers(2, 6))
def test_no_fold_looks_ahead(count, wanted):
    days = [f"{index:03d}" for index in range(count)]
    found = list(folds(days[::-1], wanted))
    assert 1 <= len(found) <= wanted
    for learned, judged in found:
        assert learned
        assert judged
        assert max(learned) < min(judged)
    assert found[-1][1][-1] == days[-1]


def rows_of(made):
    home = made("binary")
    from include.training.assembling import TrainingSet

    return TrainingSet.assembled(home.use_case, home.as_of, home.workspace)


def test_a_search_finds_the_better_setting_and_repeats_itself(made):
    training_set = rows_of(made)
    model = training_set.use_case.training.model
    rule = Search.model_validate(SEARCH)
    first, second = (search(model, training_set.learned, training_set.recipe, rule) for _ in range(2))
    assert first == second
    assert len(first.tried) == 6
    complete = [trial for trial in first.tried if trial.state == "complete"]
    losses = {trial.number: np.mean(trial.losses) for trial in complete}
    assert first.best == min(losses, key=losses.get)
    assert first.model.learning_rate == first.tried[first.best].settings["learning_rate"] > 0.005
    assert first.model.max_leaf_nodes in (4, 8)
    assert (first.model.max_iter, first.model.min_samples_leaf) == (20, 10)


def test_trials_are_runs_under_the_run_and_the_best_is_trained(made):
    home = made("regression", training={"search": SEARCH})
    run = train(home.use_case, home.as_of, reason="t", actor="t", workspace=home.workspace)
    registry = home.workspace.registry
    nested = registry.client.search_runs(
        [registry.experiment_id("made")], f"tags.`mlflow.parentRunId` = '{run.run_id}'"
    )
    assert len(nested) == 6
    assert {found.info.status for found in nested} <= {"FINISHED", "KILLED"}
    best = next(found for found in nested if found.info.run_name.endswith("the best"))
    assert best.data.metrics["mean_loss"] == min(
        found.data.metrics["mean_loss"] for found in nested if found.info.status == "FINISHED"
    )
    params = registry.run(run.run_id).data.params
    assert params["model.learning_rate"] == best.data.params["learning_rate"]


def test_settings_keep_their_types():
    boosting = with_settings(
        GradientBoosting(kind="gradient_boosting"), {"max_iter": 80.6, "learning_rate": 0.2}
    )
    assert (boosting.max_iter, boosting.learning_rate) == (81, 0.2)
    custom = CustomModel(kind="custom", function="model:build", parameters={"depth": 3, "rate": 1.0})
    assert with_settings(custom, {"depth": 5}).parameters == {"depth": 5, "rate": 1.0}


WRONG = {
    "a setting that the model lacks": ({"depth": {"low": 1, "high": 2}}, "names \\['depth'\\], which a grad"),
    "no values": ({"max_iter": {}}, "give either choices, or low and high"),
    "half a range": ({"max_iter": {"low": 1}}, "give either choices, or low and high"),
    "both": ({"max_iter": {"low": 1, "high": 2, "choices": [1]}}, "give either choices, or low and high"),
    "upside down": ({"max_iter": {"low": 2, "high": 1}}, "low 2.0 must lie below high 1.0"),
    "ratios from 0": ({"learning_rate": {"low": 0, "high": 1, "log": True}}, "must be above 0"),
    "nothing": ({}, "at least 1 item"),
}


@pytest.mark.parametrize(("space", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_space_is_told(space, message):
    with pytest.raises(ValidationError, match=message):
        Training.model_validate({"search": {"space": space}})


def test_a_trial_that_looks_bad_is_cut_short(made, trips):
    training_set = rows_of(made)
    recipe = Recipe(**{**vars(training_set.recipe), "kind": kind_of(trips.problem)})
    rule = Search.model_validate({**SEARCH, "trials": 14})
    found = search(training_set.use_case.training.model, training_set.learned, recipe, rule)
    assert {len(trial.losses) for trial in found.tried if trial.state == "pruned"} == {1}
