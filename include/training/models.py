"""scikit-learn pipelines by the `kind` of a use case's model section."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from include.use_case_sections import GradientBoosting, LogisticRegression

# HistGradientBoosting takes at most 255 categories; the rare rest share one.
_MAX_CATEGORIES = 250
_MIN_FREQUENCY = 20


def build_pipeline(
    model: GradientBoosting | LogisticRegression, *, numbers: list[str], categories: list[str], seed: int
) -> Pipeline:
    """Return an unfitted pipeline from feature columns to a probability."""
    if isinstance(model, GradientBoosting):
        return _gradient_boosting(model, numbers=numbers, categories=categories, seed=seed)
    return _logistic_regression(model, numbers=numbers, categories=categories, seed=seed)


def _gradient_boosting(
    model: GradientBoosting, *, numbers: list[str], categories: list[str], seed: int
) -> Pipeline:
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=_MAX_CATEGORIES,
    )
    columns = ColumnTransformer([("categories", codes, categories), ("numbers", "passthrough", numbers)])
    classifier = HistGradientBoostingClassifier(
        **model.model_dump(exclude={"kind"}),
        categorical_features=list(range(len(categories))),
        random_state=seed,
    )
    return Pipeline([("columns", columns), ("model", classifier)])


def _logistic_regression(
    model: LogisticRegression, *, numbers: list[str], categories: list[str], seed: int
) -> Pipeline:
    filled: Any = Pipeline([("fill", SimpleImputer(add_indicator=True)), ("scale", StandardScaler())])
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=_MIN_FREQUENCY)
    columns = ColumnTransformer([("categories", one_hot, categories), ("numbers", filled, numbers)])
    classifier = SklearnLogisticRegression(C=model.c, max_iter=model.max_iter, random_state=seed)
    return Pipeline([("columns", columns), ("model", classifier)])
