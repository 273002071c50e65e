"""Training a recorded run once more, from the names that were kept with it, and comparing the two."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from include.decisions import code_version
from include.feature_sets import FeatureSet
from include.problems import kind_of
from include.registry import BASELINE_TAG, MODEL_TAG
from include.training.assembling import TrainingSet
from include.training.contents import contents_digest
from include.training.fitting import Recipe
from include.training.kept import KeptRecipe, installed, kept_with
from include.training.recording import figures, refit
from include.training_sets import read_labelled, window_of
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

_MODEL_FILE = "model.skops"
# Of all that is installed, what may change a fit.
_MATTERS = ("numpy", "pandas", "scikit-learn", "scipy", "skops", "pyarrow", "deltalake", "threadpoolctl")


class Sameness(BaseModel):
    """One model, as it was stored and as it was fitted again.

    Attributes:
        predictions: whether all predictions are equal to the last bit.
        largest_difference: between two predictions.
        contents: whether the stored contents are equal.
        file: whether the bytes of the file are, too.
    """

    model_config = ConfigDict(frozen=True)

    predictions: bool
    largest_difference: float
    contents: bool
    file: bool


class Reproduction(BaseModel):
    """What came of training a run once more.

    Attributes:
        rows: that the predictions were compared on: of training and holdout.
        data: whether the tables' rows are those that were learned from.
        surroundings: differences of code, libraries and machine, one sentence each.
        metrics: figures that differ, as recorded and as found now.
        model, baseline: the two models.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    as_of: str
    tables: dict[str, int]
    rows: int
    data: bool
    surroundings: list[str]
    metrics: dict[str, tuple[float | None, float | None]]
    compared_metrics: int
    model: Sameness
    baseline: Sameness

    @property
    def holds(self) -> bool:
        """Whether data, metrics and all predictions are the same."""
        return self.data and not self.metrics and self.model.predictions and self.baseline.predictions


@dataclass(frozen=True)
class _Again:
    kept: KeptRecipe
    training_set: TrainingSet
    rows: pd.DataFrame


def reproduce(run_id: str, workspace: Workspace) -> Reproduction:
    """Train a run once more from what was kept with it; nothing is recorded anywhere.

    A search is not repeated, because its budget of seconds knows the clock: the settings that it found are
    kept. Today's YAML and features do not matter: declaration and rows are those of the run.

    Raises:
        NotFound: there is no such run, or retention has removed a version of a table.
        ConfigurationError: another release of Airlock wrote the recipe, and this one does not understand it.
        ArtefactCorrupted: the stored model was changed.
    """
    registry = workspace.registry
    registry.run(run_id)
    again = _assembled(kept_with(registry, run_id), workspace)
    learned, recipe = again.training_set.learned, again.training_set.recipe
    model, baseline = (refit(section, learned, recipe) for section in again.kept.models)
    found, _ = figures(again.training_set, model, baseline)
    recorded = again.kept.metrics
    return Reproduction(
        run_id=run_id,
        as_of=again.kept.as_of,
        tables=again.kept.tables,
        rows=len(again.rows),
        data=again.training_set.labelled.content == again.kept.content,
        surroundings=_surroundings(again),
        metrics={
            name: (recorded.get(name), found.get(name))
            for name in sorted({*recorded, *found})
            if recorded.get(name) != found.get(name)
        },
        compared_metrics=len(recorded),
        model=_compared(run_id, MODEL_TAG, model, again, workspace),
        baseline=_compared(run_id, BASELINE_TAG, baseline, again, workspace),
    )


def _assembled(kept: KeptRecipe, workspace: Workspace) -> _Again:
    use_case = kept.declared
    window = window_of(use_case, kept.as_of)
    labelled = read_labelled(
        use_case,
        [*window.train, *window.holdout],
        kept.as_of,
        workspace.lake,
        feature_set_version=kept.feature_set_version,
        versions=kept.tables,
    )
    recipe = Recipe(
        kind=kind_of(use_case.problem),
        numbers=kept.numbers,
        categories=kept.categories,
        names=kept.names,
        seed=kept.seed,
        threads=kept.threads,
        weights=use_case.training.sample_weights,
        folder=workspace.settings.use_cases_dir / use_case.name,
    )
    training_set = TrainingSet(
        use_case=use_case,
        as_of=kept.as_of,
        features=FeatureSet(),
        recipe=recipe,
        window=window,
        labelled=labelled,
        entities={},
    )
    return _Again(kept=kept, training_set=training_set, rows=labelled.rows)


def _surroundings(again: _Again) -> list[str]:
    kept, now = again.kept, installed()
    found = []
    if kept.code_version != code_version():
        found.append(f"Airlock's code was {kept.code_version}, now it is {code_version()}")
    if kept.python != platform.python_version():
        found.append(f"Python was {kept.python}, now it is {platform.python_version()}")
    found += [
        f"{name} was {kept.packages.get(name, 'absent')}, now it is {now.get(name, 'absent')}"
        for name in _MATTERS
        if kept.packages.get(name) != now.get(name)
    ]
    files = again.training_set.custom_code
    found += [
        f"{name} of the custom model has changed since"
        for name, content in kept.custom_code.items()
        if files.get(name) != content
    ]
    return found


def _compared(run_id: str, tag: str, fitted: Any, again: _Again, workspace: Workspace) -> Sameness:
    import skops.io

    registry, kind = workspace.registry, again.training_set.recipe.kind
    logged = registry.tagged_model(run_id, tag)
    before = kind.scores(registry.load(logged), again.rows)
    after = kind.scores(fitted, again.rows)
    stored = Path(registry.model_folder(logged), _MODEL_FILE).read_bytes()
    made = skops.io.dumps(fitted)
    return Sameness(
        predictions=bool(np.array_equal(before, after)),
        largest_difference=float(np.abs(before - after).max(initial=0.0)),
        contents=contents_digest(stored) == contents_digest(made),
        file=stored == made,
    )
