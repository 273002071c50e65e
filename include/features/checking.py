"""Figures of built features, by partition: what the gate judges, and the profiles that are kept for drift."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from include import partitions
from include.feature_kinds import HistoryFeature
from include.features.dates import days_of
from include.features.gate import FeatureEvidence
from include.lake import LABEL, PARTITION, ROW_KEY
from include.stats.profile import profile_frame

if TYPE_CHECKING:
    from include.feature_kinds import Feature
    from include.feature_sets import FeatureSet
    from include.features.building import Built
    from include.use_case import UseCase

# Two features of which these differ are not equal; only where all agree are their rows compared.
_TRAITS = ["kind", "nulls", "distinct", "min", "max", "mean", "categories"]


def profiles_of(features: FeatureSet, rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise the features of each partition, as `profile_frame` does.

    Args:
        features: what was built.
        rows: as `Built` holds them.

    Returns:
        The columns of a profile, with `partition`, and `known_at` of the row that is known last.
    """
    known = days_of(rows["known_at"])
    parts = []
    for day, own in _days(rows).items():
        profile = profile_frame(rows.iloc[own], numbers=features.numbers, categories=features.categories)
        parts.append(profile.assign(**{PARTITION: day, "known_at": known[own].max().item()}))
    return pd.concat(parts, ignore_index=True)


def evidence_of(
    use_case: UseCase,
    features: FeatureSet,
    built: Built,
    *,
    labels: pd.DataFrame,
    profiles: pd.DataFrame,
    batch_rows: Mapping[str, int],
) -> dict[str, FeatureEvidence]:
    """Return the figures of each partition.

    Args:
        use_case: whose partitions they are.
        features: what was built.
        built: the features.
        labels: of the same rows in the same order.
        profiles: as `profiles_of` makes them.
        batch_rows: rows of each batch.
    """
    off_date, early = _misplaced(use_case, built.rows)
    labelled, times = labels[LABEL].notna().to_numpy(), built.rows["event_time"].to_numpy()
    version, of_profile = features.version, dict(tuple(profiles.groupby(PARTITION)))
    limits = {one.name: one.max_null_share for one in features.features if one.max_null_share is not None}
    found = {}
    for day, own in _days(built.rows).items():
        profile = of_profile[day].set_index("column")
        rows = built.rows.iloc[own]
        missing = {str(name): int(count) for name, count in profile["nulls"].items() if count}
        found[day] = FeatureEvidence(
            feature_set_version=version,
            features=len(features.names),
            batch_rows=batch_rows.get(day, 0),
            rows=len(rows),
            repeated_keys=int(rows[ROW_KEY].duplicated().sum()),
            labelled=int(labelled[own].sum()),
            nulls={name: missing[name] for name in features.names if name in missing},
            max_null_shares=limits,
            out_of_range=built.out_of_range[day],
            categories={name: int(profile["distinct"][name]) for name in features.categories},
            constant=dict.fromkeys(_constant(profile), 1),
            duplicated=_duplicated(features.features, rows, profile),
            off_date=int(off_date[own].sum()),
            off_date_allowed=_off_date_allowed(use_case),
            early=int(early[own].sum()),
            unordered=int((times[own][1:] < times[own][:-1]).sum()),
        )
    return found


def _days(rows: pd.DataFrame) -> dict[str, slice]:
    """Return where the rows of each partition stand; they are sorted by it."""
    days, first = np.unique(rows[PARTITION].to_numpy(dtype=str), return_index=True)
    ends = [*first[1:].tolist(), len(rows)]
    return {str(day): slice(start, end) for day, start, end in zip(days, first.tolist(), ends, strict=True)}


def _misplaced(use_case: UseCase, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are of another date than their partition, and which may be seen before their date."""
    local = rows["event_time"].dt.tz_convert(use_case.source.timezone)
    dates = local.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    return (dates != rows[PARTITION].to_numpy(dtype="datetime64[D]")), days_of(rows["known_at"]) < dates


def _off_date_allowed(use_case: UseCase) -> float:
    """Return which share of rows of another date the contract lets through."""
    contract = use_case.contract
    shut = contract.mode == contract.mode_of("event_date") == "fail_closed"
    refuses = shut and contract.severity_of("event_date", "refuse") != "warn"
    return contract.max_off_date_share if refuses else 1.0


def _constant(profile: pd.DataFrame) -> list[str]:
    return [str(name) for name in profile.index[(profile["distinct"] == 1) & (profile["nulls"] == 0)]]


def _duplicated(features: list[Feature], rows: pd.DataFrame, profile: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the pairs of features that are equal in every row, and not one and the same value in all."""
    by_name = {feature.name: feature for feature in features}
    vary = profile[profile["distinct"] > 1]
    found = []
    for _, alike in vary.groupby(_TRAITS, dropna=False, sort=False):
        for one, other in combinations(map(str, alike.index), 2):
            if not _differ_by_window(by_name[one], by_name[other]) and rows[one].equals(rows[other]):
                found.append((one, other))
    return found


def _differ_by_window(one: Feature, other: Feature) -> bool:
    """Tell whether two features follow the same through different windows: equal while history is short."""
    if not (isinstance(one, HistoryFeature) and isinstance(other, HistoryFeature)):
        return False
    same = (one.by, one.measure, one.value, one.lead_days) == (
        other.by,
        other.measure,
        other.value,
        other.lead_days,
    )
    return same and one.window_days != other.window_days


def constant_days(
    today: Mapping[str, FeatureEvidence], profiles: pd.DataFrame, days_needed: int
) -> dict[str, FeatureEvidence]:
    """Count for how many days in a row each constant feature has had its value.

    Args:
        today: figures of one or more partitions.
        profiles: of these partitions and of those before, as `profiles_of` makes them.
        days_needed: where counting ends.
    """
    constant = profiles[(profiles["distinct"] == 1) & (profiles["nulls"] == 0)]
    values = {
        (str(row[PARTITION]), str(row["column"])): row["min"]
        if row["kind"] == "number"
        else next(iter(json.loads(row["categories"])))
        for row in constant.to_dict("records")
    }

    def streak(day: str, name: str) -> int:
        value, count = values[day, name], 1
        while count < days_needed:
            if values.get((partitions.shift(day, -count), name)) != value:
                break
            count += 1
        return count

    return {
        day: evidence.model_copy(update={"constant": {name: streak(day, name) for name in evidence.constant}})
        for day, evidence in today.items()
    }
