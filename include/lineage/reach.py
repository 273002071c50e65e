"""How far features look back: into side tables, and into the past of their own batches."""

from __future__ import annotations

import math

from include import partitions
from include.errors import UseCaseError
from include.feature_kinds import Feature, HistoryFeature, JoinedFeature
from include.feature_sets import load_features
from include.workspace import Workspace

_MINUTES_OF_A_DAY = 24 * 60


def side_reach(workspace: Workspace, use_case: str) -> dict[str, int]:
    """Return how many days before its own date a partition's features look into each side table.

    As today's definitions say; empty when the use case is not declared any more or is broken.
    """
    reach: dict[str, int] = {}
    for feature in _features(workspace, use_case):
        if isinstance(feature, JoinedFeature):
            days = math.ceil((feature.lead_minutes + feature.tolerance_minutes) / _MINUTES_OF_A_DAY)
            reach[feature.table] = max(days, reach.get(feature.table, 0))
    return reach


def window_days(workspace: Workspace, use_case: str) -> int:
    """Return how many days before its own date a partition's features follow the past; 0 if they do not."""
    followed = [
        feature.window_days
        for feature in _features(workspace, use_case)
        if isinstance(feature, HistoryFeature)
    ]
    return max(followed, default=0)


def _features(workspace: Workspace, use_case: str) -> list[Feature]:
    try:
        return load_features(workspace.use_case(use_case), workspace.settings).features
    except UseCaseError:
        return []


def look_back(partition: str, days: int) -> list[str]:
    """Return a partition and so many before it, in order.

    >>> look_back("2013-03-01", 1)
    ['2013-02-28', '2013-03-01']
    """
    return partitions.span(partitions.shift(partition, -days), partition)
