"""Figures of built features, by partition: what the gate judges, and the profiles that are kept for drift."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from include import partitions
from include.feature_kinds import HistoryFeature
from include.features.dates import days_of
from include.features.gate import FeatureEvidence
from include.lake import LABEL, PARTITION, ROW_KEY
from include.stats.profile import as_frame, column_profiles

if TYPE_CHECKING:
    from include.feature_kinds import Feature
    from include.feature_sets import FeatureSet
    from include.features.building import Built
    from include.use_case import UseCase

# Two features of which these differ are not equal; only where all agree are their rows compared.
_TRAITS = ("kind", "nulls", "distinct", "min", "max", "mean", "categories")
# The profiles of one partition's features, by their names.
Figures = Mapping[str, Mapping[str, Any]]


def figures_of(features: FeatureSet, rows: pd.DataFrame) -> dict[str, Figures]:
    """Summarise the features of each partition.

    Args:
        features: what was built.
        rows: as `Built` holds them.
    """
    found: dict[str, Figures] = {}
    for day, own in _days(rows).items():
        profiles = column_profiles(rows.iloc[own], numbers=features.numbers, categories=features.categories)
        found[day] = {str(profile["column"]): profile for profile in profiles}
    return found


def profiles_of(figures: Mapping[str, Figures], rows: pd.DataFrame) -> pd.DataFrame:
    """Return the profiles of all partitions as `profile_frame` does.

    Returns:
        The columns of a profile, with `partition`, and `known_at` of the row that is known last.
    """
    known = days_of(rows["known_at"])
    latest = {day: known[own].max().item() for day, own in _days(rows).items()}
    days = [day for day, profiles in figures.items() for _ in profiles]
    frame = as_frame([dict(profile) for profiles in figures.values() for profile in profiles.values()])
    return frame.assign(**{PARTITION: days, "known_at": [latest[day] for day in days]})


def evidence_of(
    use_case: UseCase,
    features: FeatureSet,
    built: Built,
    *,
    labels: pd.DataFrame,
    figures: Mapping[str, Figures],
    batch_rows: Mapping[str, int],
) -> dict[str, FeatureEvidence]:
    """Return what the gate judges of each partition.

    Args:
        use_case: whose partitions they are.
        features: what was built.
        built: the features.
        labels: of the same rows in the same order.
        figures: as `figures_of` returns them.
        batch_rows: rows of each batch.
    """
    off_date, early = _misplaced(use_case, built.rows)
    labelled, times = labels[LABEL].notna().to_numpy(), built.rows["event_time"].to_numpy("datetime64[us]")
    repeated = built.rows.duplicated([PARTITION, ROW_KEY]).to_numpy()
    limits = {one.name: one.max_null_share for one in features.features if one.max_null_share is not None}
    version, allowed = features.version, _off_date_allowed(use_case)
    found = {}
    for day, own in _days(built.rows).items():
        of_day = figures[day]
        found[day] = FeatureEvidence(
            feature_set_version=version,
            features=len(features.names),
            batch_rows=batch_rows.get(day, 0),
            rows=own.stop - own.start,
            repeated_keys=int(repeated[own].sum()),
            labelled=int(labelled[own].sum()),
            nulls={name: nulls for name in features.names if (nulls := of_day[name]["nulls"])},
            max_null_shares=limits,
            out_of_range=built.out_of_range[day],
            categories={name: of_day[name]["distinct"] for name in features.categories},
            constant={name: 1 for name in features.names if _is_constant(of_day[name])},
            duplicated=_duplicated(features.features, built.rows, own, of_day),
            off_date=int(off_date[own].sum()),
            off_date_allowed=allowed,
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


def _is_constant(profile: Mapping[str, Any]) -> bool:
    return bool(profile["distinct"] == 1 and profile["nulls"] == 0)


def _duplicated(
    features: list[Feature], rows: pd.DataFrame, own: slice, figures: Figures
) -> list[tuple[str, str]]:
    """Return the pairs of features that are equal in every row, and not one and the same value in all."""
    alike: dict[tuple[object, ...], list[Feature]] = {}
    for feature in features:
        profile = figures[feature.name]
        if profile["distinct"] > 1:
            alike.setdefault(tuple(profile.get(name) for name in _TRAITS), []).append(feature)
    return [
        (one.name, other.name)
        for same in alike.values()
        for one, other in combinations(same, 2)
        if not _differ_by_window(one, other) and rows[one.name].iloc[own].equals(rows[other.name].iloc[own])
    ]


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
