"""The section `problem`: what is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from include.use_case_sections.base import Section

# A class names a column of the predictions table, `score_<class>`.
ClassName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]{1,60}$")]


class _Predicted(Section):
    """What all kinds share.

    Attributes:
        directions: the kind's metrics by name; true where higher is better.
        primary: the metric that a rule judges by when it names none.
        row_loss: what `row_losses` of the kind computes; lower is better, and days are compared by its mean.
    """

    directions: ClassVar[Mapping[str, bool]]
    primary: ClassVar[str]
    row_loss: ClassVar[str]

    question: str
    key: list[str] = Field(min_length=1, description="columns that together name one row")


class BinaryProblem(_Predicted):
    """Whether something happens; scored by its probability."""

    directions: ClassVar[Mapping[str, bool]] = {
        "roc_auc": True,
        "average_precision": True,
        "log_loss": False,
        "brier": False,
    }
    primary: ClassVar[str] = "roc_auc"
    row_loss: ClassVar[str] = "log_loss"

    kind: Literal["binary"]


class MulticlassProblem(_Predicted):
    """Which of some classes it is; scored by a probability for each."""

    directions: ClassVar[Mapping[str, bool]] = {
        "roc_auc_ovr": True,
        "log_loss": False,
        "brier": False,
        "accuracy": True,
        "balanced_accuracy": True,
        "f1_macro": True,
    }
    primary: ClassVar[str] = "log_loss"
    row_loss: ClassVar[str] = "log_loss"

    kind: Literal["multiclass"]
    classes: list[ClassName] = Field(
        min_length=3, max_length=100, description="all values that the label may have; any other is an error"
    )

    @model_validator(mode="after")
    def _each_class_once(self) -> MulticlassProblem:
        if len({name.lower() for name in self.classes}) < len(self.classes):
            raise ValueError(
                "classes names one twice (upper and lower case are one to a table); name each once"
            )
        return self


class RegressionProblem(_Predicted):
    """How much it is: any number."""

    directions: ClassVar[Mapping[str, bool]] = {
        "rmse": False,
        "mae": False,
        "median_absolute_error": False,
        "r2": True,
    }
    primary: ClassVar[str] = "rmse"
    row_loss: ClassVar[str] = "squared_error"

    kind: Literal["regression"]
    unit: str = Field("", description="unit of the label, shown in plots")


class CountProblem(_Predicted):
    """How many there are: 0, 1, 2, ...; scored by the expected number."""

    directions: ClassVar[Mapping[str, bool]] = {
        "poisson_deviance": False,
        "rmse": False,
        "mae": False,
        "d2": True,
    }
    primary: ClassVar[str] = "poisson_deviance"
    row_loss: ClassVar[str] = "poisson_deviance"

    kind: Literal["count"]
    unit: str = Field("", description="what is counted, shown in plots")


Problem = Annotated[
    BinaryProblem | MulticlassProblem | RegressionProblem | CountProblem, Field(discriminator="kind")
]
