"""Models that learned from a partition before rows were let into it."""

from __future__ import annotations

from include.decisions import Decision
from include.lineage.facts import BATCH, Fact
from include.lineage.forward import fed_days, recorded_before
from include.lineage.runs import find_runs
from include.lineage.terms import Term, champion_terms
from include.workspace import Workspace


class ModelWithout(Fact):
    """A training run that used a partition without some of its rows.

    Attributes:
        partitions: those that the rows feed, in which the run learned or was held out.
        terms: when it was the champion.
    """

    run_id: str
    as_of: str
    partitions: list[str]
    terms: list[Term]


def trained_without(
    workspace: Workspace,
    use_case: str,
    partition: str,
    *,
    table: str = BATCH,
    release: Decision | None = None,
) -> list[ModelWithout]:
    """Return the models whose training saw a partition without the rows of a release, newest first.

    Args:
        workspace: where to look.
        use_case: whose partition.
        partition: where the rows stand.
        table: `batch`, or the side table that they stand in; later days may look back into one.
        release: the decision that let them in; None while they are held, so that all models count.

    Raises:
        Outage: MLflow does not answer.
    """
    days = fed_days(workspace, use_case, partition, table)
    history = workspace.ledger.find(use_case=use_case) if release else []
    earlier = {decision.id for decision in recorded_before(history, release.id)} if release else set()
    terms = champion_terms(workspace.ledger, use_case)
    return [
        ModelWithout(
            run_id=run.run_id,
            as_of=run.as_of,
            partitions=used,
            terms=[term for term in terms if term.run_id == run.run_id],
        )
        for run in find_runs(workspace, use_case)
        if (release is None or run.decision_id in earlier)
        and (used := [day for day in days if run.role_of(day)])
    ]
