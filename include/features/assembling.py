"""From what the tables hold to features, labels and their figures, for one day or for many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from include import partitions
from include.features.building import Built, features_of
from include.features.checking import constant_days, evidence_of, figures_of, profiles_of
from include.features.faults import table_faults
from include.features.gate import FeatureEvidence
from include.features.labels import labels_of
from include.features.ordering import ordered
from include.hashing import digest
from include.lake import PARTITION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.feature_sets import FeatureSet
    from include.feature_sources import FeatureSource
    from include.features.gathering import Material
    from include.lake import Lake, TableRef
    from include.use_case import UseCase

PROFILES = "feature_profiles"


@dataclass(frozen=True)
class Assembled:
    """Features and labels of some days, not published yet.

    Attributes:
        sources: what the features of each day were made from.
        evidence: what the gate judges, by day.
    """

    features: FeatureSet
    built: Built
    labels: pd.DataFrame
    profiles: pd.DataFrame
    sources: Mapping[str, FeatureSource]
    evidence: Mapping[str, FeatureEvidence]


def assemble(material: Material) -> Assembled:
    """Build the features and labels of some days and compute their figures.

    Raises:
        UseCaseError: a definition is wrong.
    """
    use_case, features = material.use_case, material.features
    batch = ordered(use_case, material.rows)
    built = features_of(use_case, features, batch, material.side_tables, material.aggregates)
    labels, figures = labels_of(use_case, batch), figures_of(features, built.rows)
    profiles = profiles_of(figures, built.rows)
    counts = material.rows[PARTITION].value_counts(sort=False)
    batch_rows = {str(day): int(count) for day, count in counts.items()}
    evidence = evidence_of(use_case, features, built, labels=labels, figures=figures, batch_rows=batch_rows)
    if any(one.constant for one in evidence.values()):
        needed = use_case.features.constant_days
        evidence = constant_days(evidence, pd.concat([_earlier(material, needed), profiles]), needed)
    faults = table_faults(use_case, features.joined_ones, material.side_tables, material.days)
    evidence = {
        day: one.model_copy(
            update={"missing_tables": _shutting(material, day), "table_faults": faults.get(day, [])}
        )
        for day, one in evidence.items()
    }
    return Assembled(features, built, labels, profiles, material.sources(), evidence)


def _shutting(material: Material, day: str) -> list[str]:
    """Return the side tables whose absence shuts the door."""
    needed = {one.table for one in material.features.joined_ones if one.when_missing != "null"}
    return [table for table in material.missing_tables(day) if table in needed]


def _earlier(material: Material, count: int) -> pd.DataFrame:
    """Read the profiles of the days before, as far as constant features are followed."""
    lake, name, first = material.lake, material.use_case.name, material.days[0]
    days = partitions.span(partitions.shift(first, 1 - count), partitions.shift(first, -1))
    version = material.features.version
    there = set(lake.partitions(name, PROFILES, feature_set_version=version)) & set(days)
    if not there:
        return pd.DataFrame()
    return lake.read(name, PROFILES, partitions=sorted(there), feature_set_version=version)


def publish(use_case: UseCase, assembled: Assembled, days: Sequence[str], lake: Lake) -> TableRef:
    """Write some of the days, one commit a table, and return the name of the features.

    Labels and profiles come first and the features last: whoever sees the features finds the others.
    """
    version, name = assembled.features.version, use_case.name
    sources = {day: str(assembled.sources[day]) for day in days}
    batches = {day: assembled.sources[day].batch for day in days}
    # Labels follow from the batch alone and stay as they are when features change.
    rules = digest([use_case.labels, use_case.problem.kind])
    lake.write_partitions(
        name, "labels", _of(assembled.labels, days), source_hashes=batches, contract_hash=rules
    )
    refs = [
        lake.write_partitions(
            name, table, _of(rows, days), source_hashes=sources, contract_hash=version, version=version
        )
        for table, rows in ((PROFILES, assembled.profiles), ("features", assembled.built.rows))
    ]
    return refs[-1]


def _of(rows: pd.DataFrame, days: Sequence[str]) -> pd.DataFrame:
    return rows[rows[PARTITION].isin(list(days))]
