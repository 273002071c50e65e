"""Fitting the models of a run and recording all of it in MLflow."""

from __future__ import annotations

import io
import math
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from include.artefacts import TRUSTED_TYPES
from include.errors import UseCaseError
from include.hashing import canonical_json
from include.lake import LABEL
from include.problems.base import Array
from include.registry import (
    BASELINE_TAG,
    GOLDEN_FILE,
    MODEL_TAG,
    RECIPE_FILE,
    REFERENCE_FILE,
    Registry,
)
from include.training.assembling import TrainingSet
from include.training.explaining import Drawn, Importance, permutation_importance
from include.training.fitting import fit, stopped
from include.training.golden import golden_rows
from include.training.kept import LOCK_FILE, KeptRecipe, environment_lock
from include.training.naive import PRIOR, SEASONAL, naive_scores
from include.training.reference import reference_files
from include.training.search import Found, search
from include.use_case_sections import CustomModel, Model
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

Scores = dict[str, Array]
_EXAMPLE_ROWS = 5
_SERVING_PACKAGES = ("scikit-learn", "skops", "pandas", "numpy")


@dataclass(frozen=True)
class Fitted:
    """The two models of a run, with the sections as they were fitted."""

    section: Model
    baseline_section: Model
    model: Any
    baseline: Any


def fit_and_log(training_set: TrainingSet, run_id: str, workspace: Workspace) -> None:
    """Fit the candidate and its baseline, and record everything about them in the open run."""
    registry, rule = workspace.registry, training_set.use_case.training
    started = time.monotonic()
    fitted = _fitted(training_set, run_id, registry)
    metrics, scores = figures(training_set, fitted.model, fitted.baseline)
    registry.log(
        params={
            **{f"model.{name}": value for name, value in fitted.section.model_dump().items()},
            **{f"baseline.{name}": value for name, value in fitted.baseline_section.model_dump().items()},
            "seed": rule.seed,
            "omp_num_threads": training_set.recipe.threads,
        },
        metrics={**_sizes(training_set), **metrics, "fit_seconds": round(time.monotonic() - started, 3)},
    )
    kept = KeptRecipe.of(
        training_set, model=fitted.section, baseline=fitted.baseline_section, metrics=metrics
    )
    files = {RECIPE_FILE: kept.content_bytes, LOCK_FILE: environment_lock()}
    held_out, recipe = training_set.held_out, training_set.recipe
    importance = {} if held_out.empty else permutation_importance(fitted.model, held_out, recipe)
    drawn = Drawn(model=fitted.model, scores=scores, importance=importance)
    registry.log_files(run_id, {**files, **_report(training_set, drawn, run_id, registry)})
    registry.log_to_run(run_id, metrics={}, tags=_log_models(training_set, fitted, importance, registry))


def _fitted(training_set: TrainingSet, run_id: str, registry: Registry) -> Fitted:
    rule, recipe, learned = training_set.use_case.training, training_set.recipe, training_set.learned
    section: Model = rule.model
    if rule.search is not None:
        found = search(rule.model, learned, recipe, rule.search)
        _log_trials(found, run_id, registry)
        section = found.model
    section, baseline = stopped(section, learned, recipe), stopped(rule.baseline, learned, recipe)
    return Fitted(
        section=section,
        baseline_section=baseline,
        model=fit(_whole(section), learned, recipe),
        baseline=fit(_whole(baseline), learned, recipe),
    )


def _whole(section: Model) -> Model:
    """Return a section that is fitted for all of its iterations: early stopping has cut them already."""
    cut = {"early_stopping_rounds": None} if hasattr(section, "early_stopping_rounds") else {}
    return section.model_copy(update=cut)


def refit(section: Model, rows: pd.DataFrame, recipe: Any) -> Any:
    """Fit a section that a run kept, without searching or stopping again."""
    return fit(_whole(section), rows, recipe)


def _log_trials(found: Found, run_id: str, registry: Registry) -> None:
    for trial in found.tried:
        registry.log_nested_run(
            run_id,
            name=f"trial {trial.number}" + (", the best" if trial.number == found.best else ""),
            params=trial.settings,
            metrics={f"fold_{index}.loss": loss for index, loss in enumerate(trial.losses)}
            | ({"mean_loss": sum(trial.losses) / len(trial.losses)} if trial.losses else {}),
            status="KILLED" if trial.state == "pruned" else "FINISHED",
        )


def _sizes(training_set: TrainingSet) -> dict[str, float]:
    learned = training_set.learned
    found = {"train_rows": float(len(learned))}
    if training_set.recipe.kind.name == "binary":
        found["train_positive_share"] = float(learned[LABEL].mean())
    return found


def figures(training_set: TrainingSet, model: Any, baseline: Any) -> tuple[dict[str, float], Scores]:
    """Return the metrics of both models and of the naive answers, and their scores on the holdout.

    The metrics are named `<side>.<metric>`, with `baseline.` or `naive_<which>.` before it for the others.
    """
    kind, learned, held_out = training_set.recipe.kind, training_set.learned, training_set.held_out
    on_learned = {"": kind.scores(model, learned), "baseline.": kind.scores(baseline, learned)}
    on_held_out: Scores = {}
    if len(held_out):
        on_held_out = {"model": kind.scores(model, held_out), "baseline": kind.scores(baseline, held_out)}
        on_held_out |= naive_scores(kind, learned, held_out)
    prefixes = {"model": "", "baseline": "baseline.", PRIOR: "naive_prior.", SEASONAL: "naive_seasonal."}
    asked = [(f"{prefix}train", learned, score) for prefix, score in on_learned.items()]
    asked += [(f"{prefixes[name]}holdout", held_out, score) for name, score in on_held_out.items()]
    found = {
        f"{which}.{name}": value
        for which, rows, score in asked
        for name, value in kind.metrics(rows[LABEL].to_numpy(), score).items()
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}, on_held_out


def _report(training_set: TrainingSet, drawn: Drawn, run_id: str, registry: Registry) -> dict[str, bytes]:
    if training_set.use_case.training.report == "none":
        return {}
    from include.training.report import report

    made = report(training_set, drawn, run_id)
    registry.log(params={}, metrics=made.metrics)
    return made.files


def _log_models(
    training_set: TrainingSet, fitted: Fitted, importance: Importance, registry: Registry
) -> dict[str, str]:
    """Store both models and return the tags that name them."""
    extra = {
        REFERENCE_FILE: _reference(training_set, fitted.model),
        **reference_files(training_set, fitted.model, importance),
    }
    if (golden := golden_rows(training_set.recipe)) is not None:
        kind = training_set.recipe.kind
        extra[GOLDEN_FILE] = _parquet(golden.assign(**kind.stored(kind.scores(fitted.model, golden))))
    told = {
        MODEL_TAG: registry.log_model(
            fitted.model,
            name="model",
            extra_files=extra,
            **_about(training_set, fitted, fitted.section, fitted.model),
        ),
        BASELINE_TAG: registry.log_model(
            fitted.baseline,
            name="baseline",
            extra_files={},
            **_about(training_set, fitted, fitted.baseline_section, fitted.baseline),
        ),
    }
    return {tag: canonical_json(logged) for tag, logged in told.items()}


def _about(training_set: TrainingSet, fitted: Fitted, section: Model, model: Any) -> dict[str, Any]:
    """Return what MLflow is told of a model."""
    from mlflow.models import infer_signature

    method = training_set.recipe.kind.predict_method
    example = training_set.learned[training_set.recipe.names].head(_EXAMPLE_ROWS)
    return {
        "signature": infer_signature(example, getattr(model, method)(example)),
        # MLflow asks the model with it once more, which the baseline need not be.
        "input_example": example if model is fitted.model else None,
        "requirements": [f"{package}=={version(package)}" for package in _SERVING_PACKAGES],
        "predict_method": method,
        "trusted_types": _trusted(section, model),
    }


def _trusted(section: Model, model: Any) -> list[str]:
    """Return the types that the use case trusts for its own model.

    Raises:
        UseCaseError: the fitted model holds others, which nothing would load.
    """
    if not isinstance(section, CustomModel):
        return []
    import skops.io

    known = {*TRUSTED_TYPES, *section.trusted_types}
    if unknown := sorted(set(skops.io.get_untrusted_types(data=skops.io.dumps(model))) - known):
        raise UseCaseError(
            f"The model of {section.function} holds the types {unknown}, which skops does not load unasked; "
            "look at what they are, and name them in trusted_types beside the function"
        )
    return section.trusted_types


def _reference(training_set: TrainingSet, model: Any) -> bytes:
    """Return a bounded sample of what the model learned from, with its scores.

    Monitoring compares with it, and a process that loads the model must give the same scores.
    """
    use_case, kind, learned = training_set.use_case, training_set.recipe.kind, training_set.learned
    size = min(use_case.monitoring.reference_rows, len(learned))
    sample = learned.sample(size, random_state=use_case.training.seed)
    sample = sample[[*training_set.recipe.names, LABEL]]
    return _parquet(sample.assign(**kind.stored(kind.scores(model, sample))))


def _parquet(rows: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    return buffer.getvalue()
