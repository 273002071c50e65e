"""Which champion was in use when, as one list."""

from __future__ import annotations

from include import partitions
from include.champions import reigns
from include.ledger import Ledger
from include.lineage.facts import Fact


class Term(Fact):
    """One champion's time in use, in data time.

    Attributes:
        until: last partition that it decides on; None while no later champion follows.
        decides: False when the next champion took over before this one had a partition of its own.
    """

    version: str
    run_id: str
    as_of: str
    effective_from: str
    until: str | None
    decides: bool
    actor: str
    reasons: list[str]
    decision_id: str
    evaluation_id: str

    def covers(self, partition: str) -> bool:
        """Tell whether this champion decides on a partition."""
        return self.effective_from <= partition and (self.until is None or partition <= self.until)


def champion_terms(ledger: Ledger, use_case: str) -> list[Term]:
    """Return every promotion and rollback and the partitions that its model decides on, newest first.

    The same answer as `include.champions.champion_at`, for all dates at once.
    """
    terms: list[Term] = []
    taken_over: str | None = None
    for decision in reigns(ledger, use_case):
        start = str(decision.evidence["effective_from"])
        terms.append(
            Term(
                version=decision.evidence["version"],
                run_id=decision.evidence["run_id"],
                evaluation_id=decision.evidence["evaluation_id"],
                as_of=decision.evidence["as_of"],
                effective_from=start,
                until=partitions.shift(taken_over, -1) if taken_over else None,
                decides=taken_over is None or start < taken_over,
                actor=decision.actor,
                reasons=decision.reasons,
                decision_id=decision.id,
            )
        )
        taken_over = min(start, taken_over or start)
    return terms
