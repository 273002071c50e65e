"""What the champion learned from, as it is kept with the model: the raw rows are not needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from include.model_versions import LoggedModel
from include.registry import IMPORTANCE_FILE, PROFILE_FILE, REFERENCE_FILE, Registry
from include.stats.score_bins import Bins, pooled

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Reference:
    """The champion's own training and holdout, summarised.

    Attributes:
        sample: rows that it learned from, with `label` and `score`; empty where none were kept.
        profile: the entries of `profile_frame` by column, and of `score` on the holdout.
        edges: inner edges of the bins of scores.
        holdout: the holdout's labels by day and bin.
        importance: rise of the holdout's loss when a feature's values change places.
    """

    sample: pd.DataFrame
    profile: dict[str, dict[str, Any]]
    edges: list[float]
    holdout: dict[str, Bins]
    importance: dict[str, float]

    @property
    def bin_rows(self) -> list[int]:
        """Rows of the holdout in each bin of scores."""
        return pooled(list(self.holdout.values())).rows if self.holdout else []


def read_reference(registry: Registry, model: LoggedModel) -> Reference:
    """Read what was kept with a model; what an older or foreign model lacks is left empty."""
    folder = registry.model_folder(model)
    sample = next(folder.rglob(REFERENCE_FILE), None)
    kept = _json(folder, PROFILE_FILE)
    return Reference(
        sample=pd.DataFrame() if sample is None else pd.read_parquet(sample),
        profile={str(row["column"]): row for row in kept.get("profile", [])},
        edges=list(kept.get("edges", [])),
        holdout={day: Bins(**found) for day, found in kept.get("holdout", {}).items()},
        importance=_json(folder, IMPORTANCE_FILE),
    )


def _json(folder: Path, name: str) -> dict[str, Any]:
    path = next(folder.rglob(name), None)
    found: dict[str, Any] = {} if path is None else json.loads(path.read_text(encoding="utf-8"))
    return found
