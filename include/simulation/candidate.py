"""A trained candidate on its way to champion, through both gates, as the training DAG leads it."""

from __future__ import annotations

from include.decisions import Decision
from include.use_case import UseCase
from include.workspace import Workspace


def evaluate_and_promote(
    use_case: UseCase, run_id: str, as_of: str, *, actor: str, workspace: Workspace
) -> Decision:
    """Lead a trained run through both gates and return the promotion; nobody is asked to approve it.

    Raises:
        GateRefused: a gate refused.
        GateUndecided: the evaluation lacks evidence.
    """
    from include.evaluation.stage import evaluate
    from include.promotion.stage import promote

    candidate = evaluate(use_case, run_id, as_of, actor=actor, workspace=workspace)
    return promote(
        use_case,
        version=candidate.version,
        run_id=candidate.run_id,
        as_of=as_of,
        evaluation_id=candidate.decision_id,
        actor=actor,
        workspace=workspace,
    )
