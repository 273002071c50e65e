"""Renewing the states of a use case after partitions were published."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from include import partitions
from include.errors import NotFound
from include.feature_sets import load_feature_sets
from include.features.history import wanted_of
from include.features.online.materialising import materialise
from include.features.online.state import Head, space_of
from include.features.online.stores import open_online_store

if TYPE_CHECKING:
    from include.use_case import UseCase
    from include.workspace import Workspace


def refresh(use_case: UseCase, partition: str | None, *, workspace: Workspace) -> list[Head]:
    """Renew the state of every version of the features that is built, for requests of the next day on.

    A late partition may change what later dates see, so a state that is newer already is made again under its
    own as-of; it never goes back.

    Args:
        use_case: whose states.
        partition: the newest partition that the state may see; None takes the newest published one.
        workspace: where the lake and the online store are.

    Returns:
        What holds now, today's version first.

    Raises:
        NotFound: no batch is published for the partition; a state of a later date would refuse all requests.
        Outage: the online store does not answer.
    """
    published = workspace.lake.partitions(use_case.name, "batches")
    newest = partition or max(published, default="any date")
    if newest not in published:
        raise NotFound(
            f"No batch of {use_case.name} is published for {newest}; run {use_case.name}.ingest for it first"
        )
    next_day = partitions.key_of(partitions.available_at(newest))
    heads = []
    with closing(open_online_store(workspace.settings)) as store:
        sets = load_feature_sets(use_case, workspace.settings).values()
        wanted = wanted_of(feature for features in sets for feature in features.of_history)
        for features in sets:
            old = store.head(space_of(use_case.name, features.version))
            as_of = next_day if old is None else max(next_day, old.as_of)
            heads.append(
                materialise(use_case, features, as_of, lake=workspace.lake, store=store, wanted=wanted)
            )
    return heads
