"""What the kinds of problems differ in: how a model is asked, how a score is judged, and how it is stored.

::

    kind = kind_of(use_case.problem)
    score = kind.scores(model, rows)              # n, or n x k for several classes
    kind.metrics(label, score)                    # {"roc_auc": 0.71, ...}
    kind.metric("roc_auc")(label, score)          # one of them, for a bootstrap
    kind.row_losses(label, score)                 # n; for paired tests and for monitoring
    kind.stored(score)                            # the columns of the predictions table
"""

from include.problems.amounts import Count, Regression
from include.problems.base import ProblemKind
from include.problems.classes import Binary, Multiclass
from include.use_case_sections import (
    BinaryProblem,
    CountProblem,
    MulticlassProblem,
    Problem,
    RegressionProblem,
)

__all__ = ["Binary", "Count", "Multiclass", "ProblemKind", "Regression", "kind_of"]


def kind_of(problem: Problem) -> ProblemKind:
    """Return the kind of a declared problem."""
    match problem:
        case BinaryProblem():
            return Binary(problem)
        case MulticlassProblem():
            return Multiclass(problem, tuple(problem.classes))
        case RegressionProblem():
            return Regression(problem)
        case CountProblem():
            return Count(problem)
