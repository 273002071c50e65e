"""A decision about who is the champion rests on the newest such one, and is recorded only while it does."""

from __future__ import annotations

from collections.abc import Callable

from include.champions import REIGN_GATES
from include.decisions import Decision
from include.ledger import Ledger


def decided(use_case: str, ledger: Ledger, ruled: Callable[[], Decision]) -> Decision:
    """Record what is ruled, ruled anew as often as another process has decided in between.

    Otherwise a promotion that slips between a rollback's evidence and its record would go out of use with no
    decision that names it.

    Args:
        use_case: whose model.
        ledger: where to record.
        ruled: reads who is the champion and judges; a decision that is recorded already stands as it is.
    """
    while True:
        newest = ledger.newest_id(use_case, REIGN_GATES)
        decision = ruled()
        if decision.id:
            return decision
        recorded = ledger.append_if_newest(decision, of=REIGN_GATES, newest=newest)
        if recorded is not None:
            return recorded
