"""What is kept with a model so that monitoring needs no row of the training data."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from include.hashing import canonical_json
from include.lake import LABEL, PARTITION
from include.problems.base import SCORE, Array
from include.registry import IMPORTANCE_FILE, PROFILE_FILE
from include.stats.profile import profile_frame
from include.stats.score_bins import bin_edges, binned
from include.training.assembling import TrainingSet
from include.training.explaining import Importance


def reference_files(training_set: TrainingSet, model: Any, importance: Importance) -> dict[str, bytes]:
    """Return the files by name: a profile, and how important each feature is on the holdout.

    The profile holds one entry per feature over all rows that the model learned from, and one of its scores
    on the holdout; besides the holdout's labels and losses by day and bin of scores.
    """
    recipe, held_out = training_set.recipe, training_set.held_out
    if held_out.empty:
        return {PROFILE_FILE: canonical_json({"profile": _features(training_set)}).encode()}
    scores = recipe.kind.scores(model, held_out)
    shown = recipe.kind.stored(scores)[SCORE]
    scored = profile_frame(held_out.assign(**{SCORE: shown}), numbers=[SCORE], categories=[])
    profile = {
        "profile": [*_features(training_set), *json.loads(scored.to_json(orient="records"))],
        **_holdout_bins(training_set, scores, shown),
    }
    return {
        PROFILE_FILE: canonical_json(profile).encode(),
        IMPORTANCE_FILE: canonical_json(
            {name: round(mean, 6) for name, (mean, _) in importance.items()}
        ).encode(),
    }


def _features(training_set: TrainingSet) -> list[dict[str, Any]]:
    recipe = training_set.recipe
    found = profile_frame(training_set.learned, numbers=recipe.numbers, categories=recipe.categories)
    rows: list[dict[str, Any]] = json.loads(found.to_json(orient="records", double_precision=15))
    return rows


def _holdout_bins(training_set: TrainingSet, scores: Array, shown: Array) -> dict[str, Any]:
    kind, held_out = training_set.recipe.kind, training_set.held_out
    edges = bin_edges(shown)
    days, labels = held_out[PARTITION].to_numpy(), held_out[LABEL].to_numpy()
    losses = kind.row_losses(labels, scores)
    positives = labels if kind.name == "binary" else None
    chosen = {str(day): days == day for day in sorted(set(days))}
    return {
        "edges": edges,
        "holdout": {
            day: asdict(binned(edges, shown[at], losses[at], None if positives is None else positives[at]))
            for day, at in chosen.items()
        },
    }
