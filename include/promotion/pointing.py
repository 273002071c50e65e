"""MLflow's alias of the champion follows the ledger, also when two decisions are taken at one instant."""

from __future__ import annotations

from include.champions import newest_champion
from include.errors import NotFound
from include.registry import CHAMPION
from include.workspace import Workspace


def point_at_champion(use_case: str, workspace: Workspace) -> str:
    """Set the alias to the version that the ledger named last, and return it.

    Between reading the ledger and setting the alias another process may have decided, and may have set the
    alias first. So the ledger is read again afterwards, until it says what was set: whoever sets last has
    then seen every decision whose own setting came before.

    Raises:
        NotFound: the ledger names no champion.
    """
    pointed = None
    while True:
        champion = newest_champion(workspace.ledger, use_case)
        if champion is None:
            raise NotFound(f"The ledger names no champion of {use_case}; train one first")
        if champion.version == pointed:
            return pointed
        workspace.registry.set_alias(use_case, CHAMPION, champion.version)
        pointed = champion.version
