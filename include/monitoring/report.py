"""Evidently's report of one partition: for people to read; the verdicts come from our own rules."""

from __future__ import annotations

import os
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from include.feature_sets import FeatureSet
from include.page_libraries import Library

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from evidently.core.container import MetricOrContainer
    from evidently.core.report import Context
    from evidently.presets import DataDriftPreset

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
        snapshot = Report([_shown_once()]).run(datasets[0], datasets[1])
        return str(snapshot.get_html_str(as_iframe=False)).encode()


@cache
def libraries() -> tuple[Library, ...]:
    """Return what every page carries beside its data: Evidently's script and its font of icons."""
    import evidently

    static = Path(evidently.__file__).parent / "nbextension" / "static"
    return (
        Library("evidently", "js", (static / "index.js").read_bytes()),
        Library("material-icons", "woff2", (static / "material-ui-icons.woff2").read_bytes()),
    )


@cache
def _shown_once() -> DataDriftPreset:
    """Return the preset without the pictures that it draws of every column and never shows.

    Its page is drawn from a table of its own; half of its time went into a metric for each column beside it.
    """
    from evidently.metrics import DriftedColumnsCount
    from evidently.presets import DataDriftPreset

    class DataDriftPage(DataDriftPreset):  # type: ignore[misc]  # no types
        def generate_metrics(self, context: Context) -> Sequence[MetricOrContainer]:
            metrics = super().generate_metrics(context)
            return [metric for metric in metrics if isinstance(metric, DriftedColumnsCount)]

    return DataDriftPage()
