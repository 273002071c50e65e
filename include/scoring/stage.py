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
        ConfigurationError: the features were built with other definitions than the champion learned from.
    """
    partitions.parse(partition)
    name, lake = use_case.name, workspace.lake
    champion = champion_at(workspace.ledger, name, partition)
    if champion is None:
        raise NothingToDo(f"{name} had no champion on {partition}; train one with {name}.train")
    rows = lake.read(name, "features", partitions=[partition])
    if rows.empty:
        raise NotFound(
            f"No features of {name} are published for {partition}; run {name}.features for it first"
        )
    if (versions := set(rows["feature_set_version"])) != {champion.feature_set_version}:
        raise ConfigurationError(
            f"Features of {partition} have version {sorted(versions)}, champion {champion.version} learned "
            f"from {champion.feature_set_version}; train a model on today's definitions or restore the old"
        )
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
