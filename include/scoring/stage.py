"""Scoring of one partition."""

from __future__ import annotations

import pandas as pd

from include import partitions
from include.champions import Champion, champion_at
from include.errors import ConfigurationError, NotFound, NothingToDo
from include.hashing import digest
from include.lake import ROW_KEY, TableRef
from include.problems import kind_of
from include.use_case import UseCase
from include.workspace import Workspace


def score(use_case: UseCase, partition: str, *, workspace: Workspace) -> tuple[Champion, TableRef]:
    """Score the features of one data date with the champion of that date, and publish the predictions.

    Raises:
        NothingToDo: there was no champion at that data date.
        NotFound: no features of the partition are published.
        ConfigurationError: they were built with other definitions only than the champion learned from.
    """
    partitions.parse(partition)
    name, lake = use_case.name, workspace.lake
    champion = champion_at(workspace.ledger, name, partition)
    if champion is None:
        raise NothingToDo(f"{name} had no champion on {partition}; train one with {name}.train")
    rows = _features(use_case, partition, champion, workspace)
    model, kind = workspace.registry.load(champion.model), kind_of(use_case.problem)
    predictions = pd.DataFrame(
        {
            ROW_KEY: rows[ROW_KEY],
            "event_time": rows["event_time"],
            **kind.stored(kind.scores(model, rows)),
            "model_version": champion.version,
            "promotion_id": champion.decision_id,
            "known_at": rows["known_at"],
        }
    )
    source_hash = digest(sorted(set(rows["content_hash"])))
    ref = lake.write_partition(
        name,
        "predictions",
        partition,
        predictions,
        source_hash=source_hash,
        contract_hash=champion.model.sha256,
    )
    return champion, ref


def _features(use_case: UseCase, partition: str, champion: Champion, workspace: Workspace) -> pd.DataFrame:
    """Read the features of a partition as the champion knows them."""
    name, wanted = use_case.name, champion.feature_set_version
    rows = workspace.lake.read(name, "features", partitions=[partition], feature_set_version=wanted)
    if not rows.empty:
        return rows
    standing = workspace.lake.feature_set_versions(name)
    present = [version for version, days in standing.items() if partition in days]
    if not present:
        raise NotFound(
            f"No features of {name} are published for {partition}; run {name}.features for it first"
        )
    raise ConfigurationError(
        f"Features of {partition} have version {present}, champion {champion.version} learned from {wanted}. "
        "Keep the file that defines it beside today's (features.beside) and run ./airlock rebuild-features "
        f"{name} --from {partition} --to {partition}, or train a model on today's definitions"
    )
