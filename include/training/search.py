"""Searching for the settings of a model, forward in time, within a budget."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from include.lake import LABEL, PARTITION
from include.training.fitting import Recipe, fit
from include.use_case_sections import Model, Range, Search, with_settings

if TYPE_CHECKING:
    import pandas as pd
    from optuna.trial import FrozenTrial, Trial

_FEWEST_FOR_PRUNING = 4


@dataclass(frozen=True)
class Tried:
    """One trial of a search.

    Attributes:
        losses: mean loss of the rows of each fold that was reached.
        state: `complete`, `pruned` or `fail`.
    """

    number: int
    settings: dict[str, Any]
    losses: list[float]
    state: str


@dataclass(frozen=True)
class Found:
    """What a search found: the model with the settings of the best trial, and all trials."""

    model: Model
    tried: list[Tried]
    best: int


def folds(days: list[str], count: int) -> Iterator[tuple[list[str], list[str]]]:
    """Yield days to learn from and the days after them to judge on, never the other way round.

    >>> list(folds(["mon", "tue", "wed"], 2))
    [(['mon'], ['tue']), (['mon', 'tue'], ['wed'])]
    """
    from sklearn.model_selection import TimeSeriesSplit

    ordered = np.array(sorted(days), dtype=object)
    for learned, judged in TimeSeriesSplit(n_splits=min(count, len(ordered) - 1)).split(ordered):
        yield ordered[learned].tolist(), ordered[judged].tolist()


def search(model: Model, rows: pd.DataFrame, recipe: Recipe, rule: Search) -> Found:
    """Try settings of a model and return the best by the mean loss of the folds' rows.

    The sampler has the training's seed, so that the same number of trials tries the same settings. Trials
    that look worse than the median of earlier ones are cut short.

    Args:
        model: the declared section, whose settings the search replaces.
        rows: features, label and partition of the days that may be learned from; no day of the holdout.
        recipe: of the training.
        rule: budget and space.
    """
    import optuna

    optuna.logging.set_verbosity(logging.WARNING)
    study = optuna.create_study(
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=recipe.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_FEWEST_FOR_PRUNING),
    )
    study.optimize(_objective(model, rows, recipe, rule), n_trials=rule.trials, timeout=rule.seconds)
    best = study.best_trial
    tried = [_told(trial) for trial in study.trials]
    return Found(model=with_settings(model, best.params), tried=tried, best=best.number)


def _objective(model: Model, rows: pd.DataFrame, recipe: Recipe, rule: Search) -> Callable[[Trial], float]:
    import optuna

    splits = [
        (rows[rows[PARTITION].isin(learned)], rows[rows[PARTITION].isin(judged)])
        for learned, judged in folds(list(rows[PARTITION].unique()), rule.folds)
    ]

    def objective(trial: Trial) -> float:
        tried = with_settings(
            model, {name: _suggested(trial, name, values) for name, values in sorted(rule.space.items())}
        )
        losses: list[float] = []
        for learned, judged in splits:
            fitted = fit(tried, learned, recipe)
            score = recipe.kind.scores(fitted, judged)
            losses.append(float(recipe.kind.row_losses(judged[LABEL].to_numpy(), score).mean()))
            trial.set_user_attr("losses", losses)
            trial.report(float(np.mean(losses)), step=len(losses))
            if len(losses) < len(splits) and trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(losses))

    return objective


def _suggested(trial: Trial, name: str, values: Range) -> Any:
    if values.choices:
        return trial.suggest_categorical(name, values.choices)
    if values.low is None or values.high is None:
        raise ValueError(f"search.space.{name} has no bounds; the declaration refuses it")
    return trial.suggest_float(name, values.low, values.high, log=values.log)


def _told(trial: FrozenTrial) -> Tried:
    return Tried(
        number=trial.number,
        settings=trial.params,
        losses=trial.user_attrs.get("losses", []),
        state=trial.state.name.lower(),
    )
