"""Whether two samples of rows come from one distribution: one number for all columns together.

Every column is asked three questions: do its values differ (for numbers the surer of Kolmogorov-Smirnov and
Wilcoxon's rank sum, for categories chi-square of homogeneity), does its null share (two proportions), and do
its rank correlations with the other numbers (Fisher's z). The statistic is the largest -log p of them all.
Its p-value is counted under permutations of the rows between the samples: exact for any dependence between
columns, any number of columns and unequal sizes, where rows are exchangeable. Rows of different real days
hardly ever are: then this says what moved and how much; `include.stats.drift` says whether that is unusual.

Sources: Westfall & Young (1993), Resampling-Based Multiple Testing, for the maximum; Phipson & Smyth (2010),
Statistical Applications in Genetics and Molecular Biology 9, for the + 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from include.stats.arguments import Vector
from include.stats.two_sample_tests import (
    Coded,
    coded_category,
    coded_number,
    correlation_logs,
    null_logs,
    rank_products,
    value_logs,
)

if TYPE_CHECKING:
    import pandas as pd

FEWEST_PERMUTATIONS = 999
_MAX_COLUMNS = 200
_MAX_CORRELATED = 20
_SAME = 1e-9  # two sums of the same numbers in another order


@dataclass(frozen=True)
class ColumnEvidence:
    """One test of one column.

    Attributes:
        test: `values`, `nulls` or `correlation`.
        column: its name, or two names joined by ` ~ `.
        share: its -log p over the sum of all: how much of what differs it explains.
        p_value: adjusted for all tests (Westfall & Young, single step).
    """

    test: str
    column: str
    share: float
    p_value: float


@dataclass(frozen=True)
class TwoSample:
    """The comparison of two samples.

    Attributes:
        statistic: largest -log p.
        p_value: (1 + permutations at least as extreme) / (1 + permutations).
        tests: all tests, the most telling first.
    """

    statistic: float
    p_value: float
    permutations: int
    reference_rows: int
    current_rows: int
    tests: list[ColumnEvidence]


def two_sample(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    numbers: Sequence[str],
    categories: Sequence[str],
    seed: int,
    permutations: int = FEWEST_PERMUTATIONS,
) -> TwoSample:
    """Compare two samples of rows.

    Args:
        reference: m rows.
        current: n rows; both hold all columns named.
        numbers: numeric columns; correlations are looked at among the first 20.
        categories: other columns; of both kinds together the first 200 are looked at.
        seed: of the permutations.
        permutations: 999 or more.

    Raises:
        ValueError: a sample without rows, no columns, or too few permutations.
    """
    if permutations < FEWEST_PERMUTATIONS:
        raise ValueError(f"{permutations} permutations; give at least {FEWEST_PERMUTATIONS}")
    sizes = len(reference), len(current)
    numbers = list(numbers)[:_MAX_COLUMNS]
    categories = list(categories)[: _MAX_COLUMNS - len(numbers)]
    if min(sizes) < 1 or not numbers + categories:
        raise ValueError(
            f"{sizes[0]} rows against {sizes[1]} in {len(numbers + categories)} columns; give some of each"
        )
    columns = _coded(reference, current, numbers, categories)
    correlated = numbers[:_MAX_CORRELATED]
    products = rank_products(reference, current, correlated)
    counts, sums = _drawn(columns, products, sizes, permutations, np.random.default_rng(seed))
    names, logs = _value_and_null_logs(columns, counts, sizes[0])
    # Pairs grow with the square of the columns: all of them together count as one test, or they would drown
    # the changes of single columns, which are asked for far more often.
    pairs = math.log(max(math.comb(len(correlated), 2), 1))
    for pair, found in correlation_logs(sums, products.sum(axis=0), sizes, len(correlated)):
        names.append(("correlation", f"{correlated[pair[0]]} ~ {correlated[pair[1]]}"))
        logs.append(np.maximum(found - pairs, 0.0))
    return _summary(names, np.column_stack(logs), sizes)


def _summary(names: list[tuple[str, str]], logs: Vector, sizes: tuple[int, int]) -> TwoSample:
    """Count for each test the permutations whose largest -log p reaches its own; row 0 is as observed."""
    permutations = len(logs) - 1
    largest = logs.max(axis=1)
    adjusted = (1 + (largest[1:, None] >= logs[0] - _SAME).sum(axis=0)) / (permutations + 1)
    total = float(logs[0].sum()) or 1.0
    order = np.argsort(-logs[0], kind="stable")
    return TwoSample(
        statistic=float(largest[0]),
        p_value=float(adjusted.min()),
        permutations=permutations,
        reference_rows=sizes[0],
        current_rows=sizes[1],
        tests=[
            ColumnEvidence(
                test=names[k][0],
                column=names[k][1],
                share=float(logs[0, k]) / total,
                p_value=float(adjusted[k]),
            )
            for k in order
        ],
    )


def _coded(
    reference: pd.DataFrame, current: pd.DataFrame, numbers: Sequence[str], categories: Sequence[str]
) -> list[Coded]:
    smaller = min(len(reference), len(current)) / (len(reference) + len(current))
    coded = [coded_number(name, reference[name], current[name]) for name in numbers]
    return coded + [coded_category(name, reference[name], current[name], smaller) for name in categories]


def _value_and_null_logs(
    columns: list[Coded], counts: NDArray[np.int64], reference_rows: int
) -> tuple[list[tuple[str, str]], list[Vector]]:
    names: list[tuple[str, str]] = []
    found: list[Vector] = []
    first = 0
    for column in columns:
        part = counts[:, first : first + column.width]
        first += column.width
        names += [("values", column.name), ("nulls", column.name)]
        found += [value_logs(column, part), null_logs(column, part, reference_rows)]
    return names, found


def _drawn(
    columns: list[Coded],
    products: Vector,
    sizes: tuple[int, int],
    permutations: int,
    random: np.random.Generator,
) -> tuple[NDArray[np.int64], Vector]:
    """Count the codes, and sum the products of ranks, of the rows that fall to the reference."""
    offsets = np.cumsum([0, *(column.width for column in columns)])
    codes = np.column_stack([column.codes + offsets[k] for k, column in enumerate(columns)])
    # The smaller group is drawn, the other is what remains.
    drawn = min(sizes)
    own = np.arange(sizes[0]) if sizes[0] == drawn else np.arange(sizes[0], sum(sizes))
    counts = np.empty((permutations + 1, offsets[-1]), dtype=np.int64)
    sums = np.empty((permutations + 1, products.shape[1]))
    for k in range(permutations + 1):
        rows = own if k == 0 else random.permutation(sum(sizes))[:drawn]
        counts[k] = np.bincount(codes[rows].ravel(), minlength=offsets[-1])
        sums[k] = products[rows].sum(axis=0)
    if sizes[0] != drawn:
        totals = np.bincount(codes.ravel(), minlength=offsets[-1])
        counts, sums = totals - counts, products.sum(axis=0) - sums
    return counts, sums
