"""The single tests of `include.stats.two_sample`, each for all permutations at once.

A column is turned into small codes once. Under a permutation only the counts of the codes change, and every
test of the column can be told from these counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov, log_ndtr
from scipy.stats import chi2, rankdata

from include.stats.arguments import Vector

if TYPE_CHECKING:
    import pandas as pd

# A finer grid moves the largest gap of two distribution functions by less than one part in 256.
_BINS = 256
_RARE = 5  # expected rows below which chi-square's approximation is poor (Cochran 1954)
_KOLMOGOROV_TAIL = 2.0  # above it the first term of Kolmogorov's series is exact to 10 digits
_MOST_CORRELATED = 1 - 1e-9
_FEWEST_CORRELATED = 3  # with so few rows ranks are in line too often


@dataclass(frozen=True)
class Coded:
    """A column of both samples as codes; the last code is that of nulls.

    Attributes:
        codes: one a row, the reference first.
        totals: rows of each code.
        ordered: whether the codes have an order.
    """

    name: str
    codes: NDArray[np.int64]
    totals: NDArray[np.int64]
    ordered: bool

    @property
    def width(self) -> int:
        return len(self.totals)


def coded_number(name: str, reference: pd.Series, current: pd.Series) -> Coded:
    """Code a numeric column by quantiles of both samples together; infinities count as nulls."""
    values = np.concatenate([_floats(reference), _floats(current)])
    finite = np.isfinite(values)
    levels = np.unique(values[finite])
    if len(levels) > _BINS:
        levels = np.unique(np.quantile(values[finite], np.linspace(0, 1, _BINS + 1)[1:]))
    codes = np.full(len(values), len(levels))
    codes[finite] = np.minimum(np.searchsorted(levels, values[finite]), max(len(levels) - 1, 0))
    return Coded(name, codes, np.bincount(codes, minlength=len(levels) + 1), ordered=True)


def _floats(column: pd.Series) -> Vector:
    result: Vector = column.to_numpy(dtype="float64", na_value=np.nan)
    return result


def coded_category(name: str, reference: pd.Series, current: pd.Series, smaller: float) -> Coded:
    """Code a categorical column; levels too rare for the smaller sample share one code.

    Args:
        name: of the column.
        reference: values of the one sample.
        current: values of the other.
        smaller: share of the rows that are in the smaller sample.
    """
    import pandas as pd

    values = pd.concat([reference, current], ignore_index=True)
    codes, levels = pd.factorize(values.astype("string"), sort=True)
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    kept = np.flatnonzero(counts * smaller >= _RARE)
    # New code of each level; what is rare comes together behind the kept ones.
    renamed = np.full(len(levels) + 1, len(kept))
    renamed[kept] = np.arange(len(kept))
    renamed[-1] = len(kept) + 1  # nulls have code -1
    coded = renamed[codes]
    return Coded(name, coded, np.bincount(coded, minlength=len(kept) + 2), ordered=False)


def value_logs(column: Coded, counts: NDArray[np.int64]) -> Vector:
    """Return -log p of equal distributions of the values that are not null, a row of counts each."""
    one = counts[:, :-1].astype(np.float64)
    other = column.totals[:-1] - one
    rows = one.sum(axis=1), other.sum(axis=1)
    comparable = (rows[0] > 0) & (rows[1] > 0)
    sizes = np.maximum(rows[0], 1), np.maximum(rows[1], 1)
    if column.ordered:
        logs = np.maximum(_ks_logs(one, other, sizes), _rank_sum_logs(one, column.totals[:-1], sizes))
    else:
        logs = _chi_square_logs(one, other, sizes)
    result: Vector = np.where(comparable, logs, 0.0)
    return result


def _ks_logs(one: Vector, other: Vector, sizes: tuple[Vector, Vector]) -> Vector:
    """Kolmogorov-Smirnov with the asymptotic distribution; the permutations make it exact."""
    if not one.shape[1]:
        return np.zeros(len(one))
    first, second = (
        np.cumsum(part, axis=1) / size[:, None] for part, size in ((one, sizes[0]), (other, sizes[1]))
    )
    gap = np.abs(first - second).max(axis=1)
    x = gap * np.sqrt(sizes[0] * sizes[1] / (sizes[0] + sizes[1]))
    with np.errstate(divide="ignore"):
        middle = -np.log(kolmogorov(np.minimum(x, _KOLMOGOROV_TAIL)))
    result: Vector = np.where(x > _KOLMOGOROV_TAIL, 2 * x**2 - math.log(2), middle)
    return result


def _rank_sum_logs(one: Vector, totals: NDArray[np.int64], sizes: tuple[Vector, Vector]) -> Vector:
    """Wilcoxon's rank sum with midranks: it sees plain shifts for which Kolmogorov-Smirnov is too coarse."""
    rows = int(totals.sum())
    ranks = np.cumsum(totals) - (totals - 1) / 2
    spread = float(totals @ (ranks - (rows + 1) / 2) ** 2) / max(rows - 1, 1)
    if spread == 0:
        return np.zeros(len(one))
    gap = one @ ranks / sizes[0] - (rows + 1) / 2
    # The variance of a mean of so many ranks, drawn without replacement.
    variance = spread / sizes[0] * (sizes[1] / rows)
    return _two_sided(gap / np.sqrt(variance))


def _chi_square_logs(one: Vector, other: Vector, sizes: tuple[Vector, Vector]) -> Vector:
    """Pearson's chi-square of homogeneity."""
    both = one + other
    total = sizes[0] + sizes[1]
    expected = both * (sizes[0] / total)[:, None], both * (sizes[1] / total)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = (one - expected[0]) ** 2 / expected[0] + (other - expected[1]) ** 2 / expected[1]
    statistic = np.where(both > 0, parts, 0.0).sum(axis=1)
    degrees = (both > 0).sum(axis=1) - 1
    logs = -chi2.logsf(statistic, np.maximum(degrees, 1))
    result: Vector = np.where(degrees > 0, logs, 0.0)
    return result


def null_logs(column: Coded, counts: NDArray[np.int64], reference_rows: int) -> Vector:
    """Return -log p of equal null shares: two proportions with the pooled variance."""
    rows = int(column.totals.sum())
    nulls = int(column.totals[-1])
    variance = nulls / rows * (1 - nulls / rows) * (1 / reference_rows + 1 / (rows - reference_rows))
    if variance == 0:
        return np.zeros(len(counts))
    one = counts[:, -1] / reference_rows
    other = (nulls - counts[:, -1]) / (rows - reference_rows)
    return _two_sided((one - other) / math.sqrt(variance))


def rank_products(reference: pd.DataFrame, current: pd.DataFrame, names: Sequence[str]) -> Vector:
    """Return for each row the ranks of its numbers and all their products; sums of them give correlations.

    Ranks are those among both samples, between -1 and 1; a null stands in the middle.
    """
    rows = len(reference) + len(current)
    ranks = np.zeros((rows, len(names)))
    for k, name in enumerate(names):
        values = np.concatenate([_floats(reference[name]), _floats(current[name])])
        known = np.isfinite(values)
        if known.any():
            ranks[known, k] = 2 * (rankdata(values[known]) - 0.5) / known.sum() - 1
    first, second = np.triu_indices(len(names))
    return np.column_stack([ranks, ranks[:, first] * ranks[:, second]])


def correlation_logs(
    sums: Vector, totals: Vector, sizes: tuple[int, int], columns: int
) -> Iterator[tuple[tuple[int, int], Vector]]:
    """Yield for each pair of numbers -log p of equal rank correlations, a row of sums each.

    The difference of Fisher's z is standardised by its spread over all rows, the observed one among them,
    which keeps the rows exchangeable. The textbook variance is far too small for tied and for strongly
    correlated columns, whose chance differences would then drown every other test.

    Source: Fisher (1921), Metron 1, for z.
    """
    if min(sizes) <= _FEWEST_CORRELATED:
        return
    first, second = np.triu_indices(columns)
    place = {pair: columns + k for k, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True))}
    groups = ((sums / sizes[0]), (totals - sums) / sizes[1])
    for (a, b), at in place.items():
        if a == b:
            continue
        z = []
        for means in groups:
            covariance = means[:, at] - means[:, a] * means[:, b]
            variances = [means[:, place[k, k]] - means[:, k] ** 2 for k in (a, b)]
            scale = np.sqrt(np.maximum(variances[0] * variances[1], 0))
            rho = np.where(scale > 0, covariance / np.where(scale > 0, scale, 1), 0)
            z.append(np.arctanh(np.clip(rho, -_MOST_CORRELATED, _MOST_CORRELATED)))
        difference = z[0] - z[1]
        spread = math.sqrt(float(np.mean(difference**2)))
        yield (a, b), _two_sided(difference / spread) if spread > 0 else np.zeros(len(difference))


def _two_sided(z: Vector) -> Vector:
    result: Vector = np.maximum(-(log_ndtr(-np.abs(z)) + math.log(2)), 0.0)
    return result
