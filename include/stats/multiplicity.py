"""Corrections for many tests at once, or for many looks at the same data."""

from __future__ import annotations

from collections.abc import Sequence

from include.stats.arguments import require_level


def bonferroni(alpha: float, looks: int) -> float:
    """Return the error rate of one of so many tests, so that all together err at most at alpha.

    Holds under any dependence between the tests. Source: Bonferroni's inequality; Dunn (1961), JASA 56.

    Raises:
        ValueError: alpha outside (0, 0.5], or fewer than one look.

    >>> bonferroni(0.05, 20)
    0.0025
    """
    require_level(alpha)
    if looks < 1:
        raise ValueError(f"{looks} looks; give the number of tests that share alpha, at least 1")
    return alpha / looks


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Say for each p-value whether its hypothesis is rejected, at a family-wise error rate of alpha.

    Step-down: the smallest of m p-values is held against alpha / m, the next against alpha / (m - 1), and so
    on until one fails. Holds under any dependence and rejects whatever Bonferroni rejects. Source: Holm
    (1979), Scandinavian Journal of Statistics 6.

    Args:
        p_values: m values in [0, 1], in any order; empty gives an empty list.
        alpha: family-wise error rate, in (0, 0.5].

    Raises:
        ValueError: a p-value is NaN or outside [0, 1], or alpha is outside (0, 0.5].

    >>> holm([0.04, 0.001, 0.02], 0.05)
    [True, True, True]
    >>> holm([0.04, 0.001, 0.03], 0.05)
    [False, True, False]
    """
    require_level(alpha)
    wrong = [value for value in p_values if not 0 <= value <= 1]
    if wrong:
        raise ValueError(f"p-value {wrong[0]} is not a probability; give values between 0 and 1")
    rejected = [False] * len(p_values)
    ascending = sorted(range(len(p_values)), key=lambda position: p_values[position])
    for rank, position in enumerate(ascending):
        if p_values[position] > alpha / (len(p_values) - rank):
            break
        rejected[position] = True
    return rejected


def spent(alpha: float, earlier: int, first_share: float) -> float:
    """Return the error rate of the next of an unknown number of tests, of which all err at most at alpha.

    The first takes `first_share` of alpha, the j-th after it the share (1 - first_share) / (j (j - 1)); all
    shares, of however many tests, sum to 1, so the family-wise error is at most alpha under any dependence.
    Most holdouts serve one candidate: the first test is given most.

    Args:
        alpha: family-wise error rate, in (0, 0.5].
        earlier: tests on the same rows before this one.
        first_share: share of the first test, in (0, 1].

    Raises:
        ValueError: an argument is out of its range.

    Source: the spending of alpha by a fixed sequence, as in Foster & Stine (2008), JRSS B 70.

    >>> [round(spent(0.05, earlier, 0.8), 5) for earlier in range(3)]
    [0.04, 0.005, 0.00167]
    """
    require_level(alpha)
    if earlier < 0 or not 0 < first_share <= 1:
        raise ValueError(
            f"{earlier} earlier tests and a first share of {first_share}; give 0 or more, and 0 < share <= 1"
        )
    number = earlier + 1
    return alpha * (first_share if number == 1 else (1 - first_share) / (number * (number - 1)))
