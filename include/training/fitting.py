"""Fitting a declared model: threads, weights, and early stopping that never looks at the future."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from include import partitions
from include.errors import UseCaseError
from include.feature_sets import FeatureSet
from include.lake import LABEL, PARTITION
from include.problems import ProblemKind, kind_of
from include.training.models import build_pipeline
from include.use_case import UseCase
from include.use_case_sections import FeatureWeights, GradientBoosting, Model, RecencyWeights, SampleWeights

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Recipe:
    """How models are fitted, beside their own settings.

    Attributes:
        kind: of the problem.
        numbers, categories: names of the features that may be learned from.
        names: all of them, in the order of their declaration: the columns that a model asks for.
        seed: decides everything that is random.
        threads: OpenMP threads.
        weights: how much a row counts; None: all the same.
        folder: of the use case, for custom models.
    """

    kind: ProblemKind
    numbers: list[str]
    categories: list[str]
    names: list[str]
    seed: int
    threads: int
    weights: SampleWeights | None = None
    folder: Path | None = None

    @classmethod
    def of(cls, use_case: UseCase, features: FeatureSet, *, threads: int, use_cases_dir: Path) -> Recipe:
        rule = use_case.training
        weighing = rule.sample_weights.name if isinstance(rule.sample_weights, FeatureWeights) else ""
        if weighing and weighing not in features.numbers:
            raise UseCaseError(
                f"training.sample_weights.name: {weighing!r} is no feature of kind number; there are "
                f"{', '.join(features.numbers) or 'none'}"
            )
        return cls(
            kind=kind_of(use_case.problem),
            numbers=[name for name in features.numbers if name != weighing],
            categories=features.categories,
            names=[name for name in features.names if name != weighing],
            seed=rule.seed,
            threads=threads,
            weights=rule.sample_weights,
            folder=use_cases_dir / use_case.name,
        )


def fit(model: Model, rows: pd.DataFrame, recipe: Recipe) -> Any:
    """Fit a model to rows with their labels; the same rows and recipe give the same model.

    Args:
        model: the declared section.
        rows: features, label and partition of the days that are learned from.
        recipe: how.

    Returns:
        A fitted scikit-learn estimator that takes a frame of `recipe.names`.

    Raises:
        UseCaseError: a custom model cannot be made, or a weight is below 0.
    """
    return _fitted(stopped(model, rows, recipe), rows, recipe)


def stopped(model: Model, rows: pd.DataFrame, recipe: Recipe) -> Model:
    """Return the model with as many iterations as serve the newest training days best.

    They are judged by a model of the days before them. Models without early stopping, and sets of too few
    days to tell, stay as they are.
    """
    if not isinstance(model, GradientBoosting) or not model.early_stopping_rounds:
        return model
    days = sorted(rows[PARTITION].unique())
    newest = rows[PARTITION].isin(days[-model.validation_days :])
    if newest.all():
        return model
    losses = _staged_losses(_fitted(model, rows[~newest], recipe), rows[newest], recipe)
    best, least = 0, float("inf")
    for index, loss in enumerate(losses):
        if loss < least:
            best, least = index, loss
        elif index - best >= model.early_stopping_rounds:
            break
    return model.model_copy(update={"max_iter": best + 1})


@dataclass(frozen=True)
class _Answer:
    """A model that has answered already."""

    answer: NDArray[np.float64]
    classes_: NDArray[Any]
    feature_names_in_: tuple[str, ...] = ()

    def predict_proba(self, _rows: pd.DataFrame) -> NDArray[np.float64]:
        return self.answer

    predict = predict_proba


def _staged_losses(pipeline: Any, judged: pd.DataFrame, recipe: Recipe) -> Iterator[float]:
    """Yield the mean loss on some rows after each iteration of a fitted pipeline of boosted trees."""
    boosted = pipeline["model"]
    columns = pipeline["columns"].transform(judged[recipe.names])
    label = judged[LABEL].to_numpy()
    for answer in getattr(boosted, f"staged_{recipe.kind.predict_method}")(columns):
        score = recipe.kind.scores(_Answer(answer, getattr(boosted, "classes_", np.empty(0))), judged)
        yield float(recipe.kind.row_losses(label, score).mean())


def _fitted(model: Model, rows: pd.DataFrame, recipe: Recipe) -> Any:
    estimator = build_pipeline(
        model,
        # There is nothing to learn from a number without any value, and the trees cannot bear one.
        numbers=[name for name in recipe.numbers if rows[name].notna().any()],
        categories=recipe.categories,
        seed=recipe.seed,
        problem=recipe.kind.name,
        folder=recipe.folder,
    )
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

    weights = row_weights(rows, recipe.weights)
    # A pipeline hands it to its last step; any other estimator takes it itself.
    name = f"{estimator.steps[-1][0]}__sample_weight" if hasattr(estimator, "steps") else "sample_weight"
    # More threads than cores collapse OpenMP's waiting loops; the number is logged with the run.
    with threadpool_limits(limits=recipe.threads):
        fitted = estimator.fit(
            rows[recipe.names], rows[LABEL], **({} if weights is None else {name: weights})
        )
    _check(fitted, recipe)
    return fitted


def _check(fitted: Any, recipe: Recipe) -> None:
    for needed in (recipe.kind.predict_method, "feature_names_in_"):
        if not hasattr(fitted, needed):
            raise UseCaseError(
                f"The fitted {type(fitted).__name__} has no {needed}, which problem.kind "
                f"{recipe.kind.name!r} needs; return an estimator that is fitted to a data frame and has it"
            )


def row_weights(rows: pd.DataFrame, rule: SampleWeights | None) -> NDArray[np.float64] | None:
    """Return how much each row counts, or None where all count the same.

    Raises:
        UseCaseError: a weight is below 0.
    """
    if rule is None:
        return None
    if isinstance(rule, RecencyWeights):
        days = {day: partitions.parse(day) for day in rows[PARTITION].unique()}
        newest = max(days.values())
        ages = rows[PARTITION].map({day: (newest - date).days for day, date in days.items()})
        return np.asarray(0.5 ** (ages.to_numpy(dtype=np.float64) / rule.half_life_days))
    weights = rows[rule.name].fillna(0.0).to_numpy(dtype=np.float64)
    if (weights < 0).any():
        raise UseCaseError(
            f"training.sample_weights.name: feature {rule.name!r} is below 0 in {int((weights < 0).sum())} "
            "rows; a row cannot count less than nothing, so give the feature low=0"
        )
    return weights
