"""Shares against a limit, with exact binomial bounds.

A batch is a sample of what its source produces: a null share of 5.2 % in 1,000 rows does not show that the
source exceeds 5 %. The bounds here say what the rows do show, at a stated error rate.
"""

from __future__ import annotations

from typing import Literal

from scipy.special import betaincinv

from include.stats.arguments import require_level

LimitVerdict = Literal["exceeds", "within", "uncertain"]


def share_bounds(successes: int, trials: int, alpha: float) -> tuple[float, float]:
    """Return the one-sided lower and the one-sided upper bound of a share, each with error rate alpha.

    Each bound alone is wrong in at most alpha of all samples; together they are the two-sided interval of
    level 1 - 2 alpha. No trials say nothing: the bounds are then 0 and 1.

    Args:
        successes: rows counted, for example nulls.
        trials: rows looked at.
        alpha: error rate of each bound, in (0, 0.5].

    Raises:
        ValueError: successes outside 0..trials, or alpha outside (0, 0.5].

    Source: Clopper & Pearson (1934), Biometrika 26, in the form of beta quantiles.

    >>> [round(bound, 4) for bound in share_bounds(5, 100, 0.025)]
    [0.0164, 0.1128]
    >>> share_bounds(0, 0, 0.01)
    (0.0, 1.0)
    """
    require_level(alpha)
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials; give 0 <= successes <= trials")
    lower = float(betaincinv(successes, trials - successes + 1, alpha)) if successes > 0 else 0.0
    upper = float(betaincinv(successes + 1, trials - successes, 1 - alpha)) if successes < trials else 1.0
    return lower, upper


def exceeds_limit(successes: int, trials: int, limit: float, alpha: float) -> LimitVerdict:
    """Say whether a share is shown to exceed a limit, shown to keep it, or neither.

    `exceeds` when the lower bound lies above the limit, `within` when the upper bound does not, else
    `uncertain`. Divide alpha by the number of shares that are tested on the same batch.
    `exceeds` is said of at most alpha of all batches whose source keeps the limit, and `within` of at most
    alpha of those whose source does not.

    A limit of 0 speaks of the rows themselves, because no sample can show that a source never errs: one
    success exceeds it, and none is within. For the same reason a clean batch is `within` a small limit only
    from log(alpha) / log(1 - limit) rows on: 459 rows for a limit of 1 % at alpha .01.

    Args:
        successes: rows counted, for example nulls.
        trials: rows looked at; 0 gives `uncertain`.
        limit: the largest share that is allowed, in [0, 1].
        alpha: error rate, in (0, 0.5].

    Raises:
        ValueError: an argument is out of its range.

    >>> [exceeds_limit(nulls, 1000, limit=0.05, alpha=0.01) for nulls in (20, 45, 80)]
    ['within', 'uncertain', 'exceeds']
    """
    if not 0 <= limit <= 1:
        raise ValueError(f"The limit is {limit}; give a share between 0 and 1, e.g. 0.05 for 5 %")
    lower, upper = share_bounds(successes, trials, alpha)
    if lower > limit:
        return "exceeds"
    if trials > 0 and (upper <= limit or limit == successes == 0):
        return "within"
    return "uncertain"
