"""Features and labels of one partition, from the published batch to the lake."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include import partitions
from include.decisions import Decision, Subject, decide
from include.errors import GateRefused, NotFound
from include.feature_kinds import JoinedFeature
from include.feature_sets import FeatureSet, load_features
from include.features import gate
from include.features.building import build_features
from include.features.labels import build_labels
from include.hashing import digest
from include.lake import LABEL, ROW_KEY, SIDE_TABLE_PREFIX, Lake, TableRef
from include.stats.profile import profile_frame
from include.use_case import UseCase
from include.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

GATE = "features"
_MINUTES_OF_A_DAY = 24 * 60


@dataclass(frozen=True)
class _Built:
    """Features and labels of one partition, not published yet.

    Attributes:
        out_of_range: values that were made null, by feature.
        source_hash: of the batch and of the side tables that they were built from.
    """

    features: FeatureSet
    rows: pd.DataFrame
    labels: pd.DataFrame
    out_of_range: dict[str, int]
    source_hash: str


def build(
    use_case: UseCase, partition: str, *, actor: str, workspace: Workspace
) -> tuple[Decision, TableRef]:
    """Build, check and publish the features and labels of one data date.

    Raises:
        NotFound: no batch was published for this partition.
        GateRefused: the features break a rule; the tables are untouched.
    """
    lake, name = workspace.lake, use_case.name
    features = load_features(use_case, workspace.settings)
    rows = lake.read(name, "batches", partitions=[partition])
    if rows.empty:
        raise NotFound(f"No batch of {name} is published for {partition}; run {name}.ingest for it first")
    side_tables = _side_tables(use_case, features, partition, lake)
    built_rows, out_of_range = build_features(use_case, features, rows, side_tables)
    built_rows = built_rows.drop(columns="partition")
    built = _Built(
        features=features,
        rows=built_rows,
        labels=build_labels(use_case, rows, partition),
        out_of_range=out_of_range[partition],
        source_hash=digest([_content(rows), *(_content(table) for table in side_tables.values())]),
    )
    evidence = _evidence(built, batch_rows=len(rows))
    decision = workspace.ledger.append(
        decide(
            gate=GATE,
            subject=Subject(
                use_case=name,
                partition=partition,
                as_of=partitions.key_of(partitions.available_at(partition)),
                actor=actor,
            ),
            ruling=gate.check(evidence, use_case.features),
            evidence=evidence,
            policy=use_case.features,
            data_refs=[f"{name}/batches#{_content(rows)}"],
            mode=use_case.features.mode,
        )
    )
    if not decision.verdict.opens:
        raise GateRefused(gate=GATE, decision_id=decision.id, reasons=decision.reasons)
    return decision, _publish(use_case, partition, built, lake)


def _side_tables(
    use_case: UseCase, features: FeatureSet, partition: str, lake: Lake
) -> dict[str, pd.DataFrame]:
    """Read the side tables of the date and of the days before, as far as its events look back."""
    reach: dict[str, int] = {}
    for feature in features.features:
        if isinstance(feature, JoinedFeature):
            minutes = feature.lead_minutes + feature.tolerance_minutes
            days = math.ceil(minutes / _MINUTES_OF_A_DAY)
            reach[feature.table] = max(days, reach.get(feature.table, 0))
    return {
        table: lake.read(
            use_case.name,
            f"{SIDE_TABLE_PREFIX}{table}",
            partitions=partitions.span(partitions.shift(partition, -days), partition),
        )
        for table, days in sorted(reach.items())
    }


def _content(rows: pd.DataFrame) -> str:
    return digest(sorted(set(rows["content_hash"])))[:16]


def _evidence(built: _Built, *, batch_rows: int) -> gate.FeatureEvidence:
    features = built.features
    nulls = built.rows[features.names].isna().sum()
    return gate.FeatureEvidence(
        feature_set_version=features.version,
        features=len(features.names),
        batch_rows=batch_rows,
        rows=len(built.rows),
        repeated_keys=int(built.rows[ROW_KEY].duplicated().sum()),
        labelled=int(built.labels[LABEL].notna().sum()),
        nulls={str(name): int(count) for name, count in nulls.items() if count},
        max_null_shares={
            feature.name: feature.max_null_share
            for feature in features.features
            if feature.max_null_share is not None
        },
        out_of_range=built.out_of_range,
    )


def _publish(use_case: UseCase, partition: str, built: _Built, lake: Lake) -> TableRef:
    """Write labels and profile first and the features last: whoever sees the features finds the others."""
    features = built.features
    profile = profile_frame(built.rows, numbers=features.numbers, categories=features.categories)
    tables = {
        "labels": built.labels,
        "feature_profiles": profile.assign(known_at=max(built.rows["known_at"])),
        "features": built.rows.assign(feature_set_version=features.version),
    }
    refs = [
        lake.write_partition(
            use_case.name,
            table,
            partition,
            content,
            source_hash=built.source_hash,
            contract_hash=features.version,
        )
        for table, content in tables.items()
    ]
    return refs[-1]
