"""scikit-learn pipelines by the `kind` of a use case's model section."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from include.errors import UseCaseError
from include.use_case_sections import (
    CustomModel,
    GradientBoosting,
    LinearModel,
    LogisticRegression,
    Model,
    RandomForest,
)

# HistGradientBoosting takes at most 255 categories; the rare rest share one.
_MAX_CATEGORIES = 250
_MIN_FREQUENCY = 20
_OF_CLASSES = {"binary", "multiclass"}
# A tree of no depth limit reads a missing category as a number of its own.
_MISSING_CODE = -1


def build_pipeline(
    model: Model,
    *,
    numbers: list[str],
    categories: list[str],
    seed: int,
    problem: str = "binary",
    folder: Path | None = None,
) -> Any:
    """Return an unfitted pipeline from feature columns to a score.

    Args:
        model: the declared section.
        numbers: names of the features that are numbers.
        categories: names of the features that are categories.
        seed: decides everything that is random.
        problem: kind of the problem.
        folder: of the use case, where the file of a custom model stands.

    Raises:
        UseCaseError: a custom model's file or function is missing, fails, or returns no estimator.
    """
    if isinstance(model, CustomModel):
        return _custom(model, numbers=numbers, categories=categories, seed=seed, folder=folder)
    columns = {GradientBoosting: _coded, RandomForest: _coded_and_filled}.get(type(model), _one_hot)
    if isinstance(model, GradientBoosting):
        estimator = _gradient_boosting(model, len(categories), seed, problem)
    elif isinstance(model, RandomForest):
        estimator = _random_forest(model, seed, problem)
    else:
        estimator = _linear(model, seed, problem)
    return Pipeline([("columns", columns(numbers, categories)), ("model", estimator)])


def _coded(numbers: list[str], categories: list[str]) -> ColumnTransformer:
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=_MAX_CATEGORIES,
    )
    return ColumnTransformer([("categories", codes, categories), ("numbers", "passthrough", numbers)])


def _coded_and_filled(numbers: list[str], categories: list[str]) -> ColumnTransformer:
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=_MISSING_CODE,
        encoded_missing_value=_MISSING_CODE,
        max_categories=_MAX_CATEGORIES,
    )
    filled: Any = SimpleImputer(strategy="median", add_indicator=True)
    return ColumnTransformer([("categories", codes, categories), ("numbers", filled, numbers)])


def _one_hot(numbers: list[str], categories: list[str]) -> ColumnTransformer:
    filled: Any = Pipeline([("fill", SimpleImputer(add_indicator=True)), ("scale", StandardScaler())])
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=_MIN_FREQUENCY)
    return ColumnTransformer([("categories", one_hot, categories), ("numbers", filled, numbers)])


def _gradient_boosting(model: GradientBoosting, categories: int, seed: int, problem: str) -> Any:
    trees = model.model_dump(
        include={"max_iter", "learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2_regularization"}
    )
    # scikit-learn's own early stopping would hold out random rows, and the future among them.
    common = {
        **trees,
        "categorical_features": list(range(categories)),
        "random_state": seed,
        "early_stopping": False,
    }
    if problem in _OF_CLASSES:
        return HistGradientBoostingClassifier(**common, class_weight=model.class_weight)
    return HistGradientBoostingRegressor(**common, loss="poisson" if problem == "count" else "squared_error")


def _random_forest(model: RandomForest, seed: int, problem: str) -> Any:
    common = {**model.model_dump(exclude={"kind", "class_weight"}), "random_state": seed, "n_jobs": 1}
    if problem in _OF_CLASSES:
        return RandomForestClassifier(**common, class_weight=model.class_weight)
    return RandomForestRegressor(**common, criterion="poisson" if problem == "count" else "squared_error")


def _linear(model: LinearModel | LogisticRegression, seed: int, problem: str) -> Any:
    if problem in _OF_CLASSES:
        return SklearnLogisticRegression(
            C=model.c, max_iter=model.max_iter, random_state=seed, class_weight=model.class_weight
        )
    if problem == "count":
        # Its penalty is per row, the logistic model's is per set; 1 / 1000 suits sets of some thousand rows.
        return PoissonRegressor(alpha=1e-3 / model.c, max_iter=model.max_iter)
    return Ridge(alpha=1 / model.c, random_state=seed)


def custom_file(model: CustomModel, folder: Path) -> Path:
    """Return the file in which the function of a custom model stands."""
    return folder / f"{model.function.partition(':')[0]}.py"


def _custom(
    model: CustomModel, *, numbers: list[str], categories: list[str], seed: int, folder: Path | None
) -> Any:
    if folder is None:
        raise UseCaseError(f"The custom model {model.function} has no folder to be found in")
    path, name = custom_file(model, folder), model.function.partition(":")[2]
    function = getattr(_module(path), name, None)
    if not callable(function):
        raise UseCaseError(f"{path} has no function {name!r}, which training.model.function names")
    try:
        estimator = function(numbers=numbers, categories=categories, seed=seed, **model.parameters)
    except Exception as error:
        raise UseCaseError(f"{model.function} in {path} fails: {type(error).__name__}: {error}") from error
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        raise UseCaseError(
            f"{model.function} in {path} returned a {type(estimator).__name__}; return an unfitted "
            "scikit-learn estimator"
        )
    return estimator


def _module(path: Path) -> ModuleType:
    name = f"airlock_model_{abs(hash(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UseCaseError(f"{path} is missing; training.model.function says that it stands there")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UseCaseError(f"{path} fails when it is read: {type(error).__name__}: {error}") from error
    return module
