"""The metrics that a rule may name, of all kinds of problems."""

from __future__ import annotations

from typing import Literal

HoldoutMetric = Literal[
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "roc_auc_ovr",
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "rmse",
    "mae",
    "median_absolute_error",
    "r2",
    "poisson_deviance",
    "d2",
]
# Without an upper limit and in a unit of their own, so that a margin is a share of the other model's value.
RELATIVE_METRICS = frozenset({"log_loss", "rmse", "mae", "median_absolute_error", "poisson_deviance"})
# What a model without any information reaches, and a little more.
USUAL_FLOORS = {
    "binary": ("roc_auc", 0.55),
    "multiclass": ("roc_auc_ovr", 0.55),
    "regression": ("r2", 0.0),
    "count": ("d2", 0.0),
}
