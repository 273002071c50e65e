"""The models of the section `training`, by their `kind`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from include.use_case_sections.base import Section

ClassWeight = Annotated[
    Literal["balanced"] | None,
    Field(
        description="balanced: rare classes count as much as frequent ones; scores are then no probabilities"
    ),
]


class GradientBoosting(Section):
    """scikit-learn's HistGradientBoosting, for every kind of problem."""

    kind: Literal["gradient_boosting"]
    max_iter: int = Field(150, ge=1)
    learning_rate: float = Field(0.06, gt=0, le=1)
    max_leaf_nodes: int = Field(31, ge=2)
    min_samples_leaf: int = Field(40, ge=1)
    l2_regularization: float = Field(1.0, ge=0)
    class_weight: ClassWeight = None
    early_stopping_rounds: int | None = Field(
        None, ge=1, description="stop when so many iterations bring nothing on the newest training days"
    )
    validation_days: int = Field(
        3, ge=1, description="newest training days, for early stopping; then all days are learned from"
    )


class LogisticRegression(Section):
    """scikit-learn's LogisticRegression on scaled numbers and one-hot categories; of classes."""

    kind: Literal["logistic_regression"]
    c: float = Field(1.0, gt=0)
    max_iter: int = Field(300, ge=1)
    class_weight: ClassWeight = None


class LinearModel(Section):
    """The linear model of the problem's kind: logistic, ridge or Poisson regression."""

    kind: Literal["linear"]
    c: float = Field(1.0, gt=0, description="the larger, the less the coefficients are held back")
    max_iter: int = Field(300, ge=1)
    class_weight: ClassWeight = None


class RandomForest(Section):
    """scikit-learn's RandomForest, for every kind of problem."""

    kind: Literal["random_forest"]
    n_estimators: int = Field(200, ge=1)
    max_depth: int | None = Field(None, ge=1)
    min_samples_leaf: int = Field(20, ge=1)
    max_features: float = Field(0.5, gt=0, le=1, description="share of the features offered to a split")
    class_weight: ClassWeight = None


class CustomModel(Section):
    """A function of the use case's own, `file:function`, that returns an unfitted scikit-learn estimator.

    It is called as `function(numbers=[...], categories=[...], seed=..., **parameters)` with the names of the
    features, and what it returns is fitted to a frame of them.
    """

    kind: Literal["custom"]
    function: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}:[A-Za-z_][A-Za-z0-9_]{0,62}$",
        description="`model:build` is the function `build` in `model.py` beside the YAML",
    )
    parameters: dict[str, int | float | str | bool | None] = Field(default_factory=dict)
    trusted_types: list[str] = Field(
        default_factory=list,
        description="types of the fitted estimator that skops does not know, as it names them",
    )


Model = Annotated[
    GradientBoosting | LogisticRegression | LinearModel | RandomForest | CustomModel,
    Field(discriminator="kind"),
]
_NOT_TUNED = {"kind", "class_weight", "early_stopping_rounds", "validation_days"}


def default_model() -> Model:
    """Return the model of a use case that names none."""
    return GradientBoosting(kind="gradient_boosting")


def tunable(model: Model) -> set[str]:
    """Return the names of the settings that a search may try."""
    if isinstance(model, CustomModel):
        return set(model.parameters)
    return set(type(model).model_fields) - _NOT_TUNED


def with_settings(model: Model, settings: dict[str, object]) -> Model:
    """Return a model with some settings changed; floats become whole numbers where the model has such."""
    if isinstance(model, CustomModel):
        return model.model_copy(update={"parameters": {**model.parameters, **settings}})
    whole = {
        name: round(value)
        if isinstance(value, float) and "int" in str(type(model).model_fields[name].annotation)
        else value
        for name, value in settings.items()
    }
    return type(model).model_validate({**model.model_dump(), **whole})
