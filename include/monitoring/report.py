"""Evidently's report of one partition: for people to read; the verdicts come from our own rules."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from include.feature_sets import FeatureSet

if TYPE_CHECKING:
    import pandas as pd

_MAX_ROWS = 2000


def render_report(reference: pd.DataFrame, current: pd.DataFrame, features: FeatureSet, seed: int) -> bytes:
    """Render the report as one self-contained HTML page.

    Args:
        reference: sample of what the champion learned from, with its `score`.
        current: the scored partition, with `score`; at most 2,000 rows are drawn. Columns without any value,
            here or in the reference, are left out.
        features: what the columns are.
        seed: of the draw.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    sampled = current if len(current) <= _MAX_ROWS else current.sample(_MAX_ROWS, random_state=seed)
    # Evidently fails on a column without any value.
    columns = [
        name
        for name in [*features.names, "score"]
        if sampled[name].notna().any() and reference[name].notna().any()
    ]
    definition = DataDefinition(
        numerical_columns=[name for name in columns if name not in features.categories],
        categorical_columns=[name for name in columns if name in features.categories],
    )
    datasets = [
        Dataset.from_pandas(frame[columns].reset_index(drop=True), data_definition=definition)
        for frame in (sampled, reference)
    ]
    with warnings.catch_warnings():
        # It divides by the spread of constant columns and of single rows, and shows the result as missing.
        warnings.simplefilter("ignore", RuntimeWarning)
        snapshot = Report([DataDriftPreset()]).run(datasets[0], datasets[1])
        return str(snapshot.get_html_str(as_iframe=False)).encode()
