"""What a model looks at, and whether more data would help: bounded samples, so that it costs little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from include.lake import LABEL, PARTITION
from include.problems.base import Array
from include.training.fitting import Recipe, fit

if TYPE_CHECKING:
    import pandas as pd

    from include.training.assembling import TrainingSet

_SHUFFLED_ROWS, _REPEATS = 500, 3
_EXPLAINED_ROWS = 200
_SHARES = (0.25, 0.5, 0.75, 1.0)


# By feature the rise of the loss, and half the range between its repeats.
Importance = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Drawn:
    """What a report draws of a model.

    Attributes:
        scores: on the holdout, of `model`, `baseline`, and the naive `prior` and `seasonal`.
    """

    model: Any
    scores: dict[str, Array]
    importance: Importance


def permutation_importance(model: Any, rows: pd.DataFrame, recipe: Recipe) -> Importance:
    """Return how much the mean loss of some rows rises when a feature is shuffled among them.

    Returns:
        By feature the mean of three shuffles and half the range between them.

    Source: Breiman (2001), Machine Learning 45; on fresh rows, as Strobl et al. ask for.
    """
    import pandas as pd

    kind, random = recipe.kind, np.random.default_rng(recipe.seed)
    sample = rows if len(rows) <= _SHUFFLED_ROWS else rows.sample(_SHUFFLED_ROWS, random_state=recipe.seed)
    inputs, label = sample[recipe.names], sample[LABEL].to_numpy()
    shuffled = [
        inputs.assign(**{name: inputs[name].to_numpy()[random.permutation(len(inputs))]})
        for name in recipe.names
        for _ in range(_REPEATS)
    ]
    # All in one question: most of the time of a small one goes into checking its columns.
    score = kind.scores(model, pd.concat([inputs, *shuffled], ignore_index=True))
    usual, *others = (
        float(kind.row_losses(label, part).mean()) for part in np.split(score, 1 + len(shuffled))
    )
    rises = np.reshape(others, (len(recipe.names), _REPEATS)) - usual
    return {
        name: (float(of_one.mean()), float(np.ptp(of_one) / 2))
        for name, of_one in zip(recipe.names, rises, strict=True)
    }


def learning_curve(training_set: TrainingSet) -> tuple[list[int], list[float], list[float]]:
    """Fit the candidate to the newest quarter, half, three quarters and all of the training days.

    Returns:
        Rows learned from, the mean loss on them, and the mean loss on the holdout.
    """
    recipe, learned, held_out = training_set.recipe, training_set.learned, training_set.held_out
    days = sorted(learned[PARTITION].unique())
    sizes: list[int] = []
    on_learned: list[float] = []
    on_held_out: list[float] = []
    for share in _SHARES:
        rows = learned[learned[PARTITION].isin(days[-max(round(len(days) * share), 1) :])]
        if not recipe.kind.varies(rows[LABEL].to_numpy()):
            continue
        model = fit(training_set.use_case.training.model, rows, recipe)
        sizes.append(len(rows))
        for side, losses in ((rows, on_learned), (held_out, on_held_out)):
            score = recipe.kind.scores(model, side)
            losses.append(float(recipe.kind.row_losses(side[LABEL].to_numpy(), score).mean()))
    return sizes, on_learned, on_held_out


def shap_values(model: Any, rows: pd.DataFrame, recipe: Recipe) -> dict[str, tuple[float, float]]:
    """Return the mean size of each feature's part in the scores of some rows, by SHAP's tree explainer.

    Empty where the model has no trees, or trees that SHAP cannot read: it knows no splits by category.

    Source: Lundberg et al. (2020), Nature Machine Intelligence 2.
    """
    trees = model["model"] if hasattr(model, "steps") and "columns" in model.named_steps else None
    categorical = getattr(trees, "is_categorical_", None)
    if not hasattr(trees, "_predictors") and not hasattr(trees, "estimators_"):
        return {}
    if categorical is not None and np.any(categorical):
        return {}
    import shap

    sample = rows.sample(min(_EXPLAINED_ROWS, len(rows)), random_state=recipe.seed)
    columns = model["columns"].transform(sample[recipe.names])
    values = np.abs(np.asarray(shap.TreeExplainer(trees).shap_values(columns, check_additivity=False)))
    # Rows come first, columns second, and classes, where there are several, last.
    sizes = values.mean(axis=0) if values.ndim == 2 else values.mean(axis=(0, 2))  # noqa: PLR2004 -- as told
    names = [str(name).partition("__")[2] for name in model["columns"].get_feature_names_out()]
    return {name: (float(size), 0.0) for name, size in zip(names, sizes, strict=True)}
