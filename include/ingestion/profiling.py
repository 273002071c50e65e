"""The profile of the rows that a batch leaves behind: what later checks read instead of the rows.

DuckDB counts the different values of one column at a time. All figures are exact but two, of columns of text
with many different values (most of a first sample): how many there are is estimated, with its error beside
it, and only values that at least one row in a thousand has are named.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from include.ingestion.reading import frame_of
from include.ingestion.rules.rows import Rows, Sql, open_rows, quoted
from include.ingestion.staged import StagedTable
from include.stats.profile import as_frame, category_profile, number_profile, profile_frame
from include.use_case_sections import Contract

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = {"integer", "number"}
_TEXTS = {"string", "boolean"}
_SAMPLE = 65_536  # first rows that tell whether a column has few different values or many
_MANY = 0.3  # share of the sample
_NAMED_SHARE = 1000  # one row in so many
_KEPT_HASHES = 65_536  # for an error of 0.4 % where nearly all values differ
_BUCKETS = 65_536


def profile(accepted: StagedTable, contract: Contract, folder: Path) -> pd.DataFrame:
    """Summarise the columns of the contract, one row each; see `include.stats.profile.profile_frame`."""
    import pyarrow.parquet as pq

    columns = contract.columns.items()
    numbers = [name for name, column in columns if column.type in _NUMBERS]
    texts = [name for name, column in columns if column.type in _TEXTS]
    if accepted.rows <= _SAMPLE:
        whole = frame_of(pq.ParquetFile(accepted.path).read())
        return profile_frame(whole, numbers=numbers, categories=texts)
    with open_rows(accepted, folder) as rows:
        different = _sampled(rows, [*numbers, *texts])
        profiles = [_number(rows, accepted.rows, name, many=different[name]) for name in numbers]
        profiles += [_category(rows, accepted.rows, name, many=different[name]) for name in texts]
    return as_frame(profiles)


def _sampled(rows: Rows, names: list[str]) -> dict[str, bool]:
    """Tell of each column whether most of its first values differ."""
    if not names:
        return {}
    counts = ", ".join(f"count(DISTINCT {quoted(name)})" for name in names)
    [(total, *found)] = rows.ask(Sql(f"SELECT count(*), {counts} FROM (SELECT * FROM rows LIMIT {_SAMPLE})"))
    return {
        name: total == _SAMPLE and count > _MANY * total for name, count in zip(names, found, strict=True)
    }


def _number(rows: Rows, total: int, name: str, *, many: bool) -> dict[str, object]:
    column = quoted(name)
    if many:
        found = rows.connection.execute(
            f"SELECT CAST({column} AS DOUBLE) AS v FROM rows WHERE {column} IS NOT NULL"
        )
        values = np.asarray(found.fetchnumpy()["v"], dtype=np.float64)
        values = values[np.isfinite(values)]
        values.sort()
        return number_profile(name, total, values, None)
    question = (
        f"SELECT CAST({column} AS DOUBLE) AS v, count(*) AS n FROM rows WHERE {column} IS NOT NULL GROUP BY v"
    )
    counted = rows.connection.execute(question).fetchnumpy()
    values, counts = np.asarray(counted["v"], np.float64), np.asarray(counted["n"], np.int64)
    order = np.argsort(values[np.isfinite(values)])
    kept = np.isfinite(values)
    return number_profile(name, total, values[kept][order], counts[kept][order])


def _category(rows: Rows, total: int, name: str, *, many: bool) -> dict[str, object]:
    column = quoted(name)
    if not many:
        counted = rows.ask(
            Sql(f"SELECT {column}, count(*) FROM rows WHERE {column} IS NOT NULL GROUP BY ALL")
        )
        return category_profile(name, total, {str(value): count for value, count in counted})
    [(values,)] = rows.ask(Sql(f"SELECT count({column}) FROM rows"))
    return category_profile(
        name,
        total,
        _frequent(rows, column, values),
        values=values,
        distinct=_estimated(rows, column, values),
    )


def _frequent(rows: Rows, column: str, values: int) -> dict[str, int]:
    """Count every value that at least one row in a thousand has.

    Such a value makes its bucket of hashes as frequent, so only values in frequent buckets are counted.
    """
    bucket, least = f"hash({column}) % {_BUCKETS}", -(-values // _NAMED_SHARE)
    counted = Sql(
        f"SELECT {column}, count(*) AS n FROM rows WHERE {column} IS NOT NULL AND {bucket} IN "
        f"(SELECT {bucket} FROM rows WHERE {column} IS NOT NULL GROUP BY ALL HAVING count(*) >= ?) "
        "GROUP BY ALL HAVING n >= ?",
        (least, least),
    )
    return {str(value): count for value, count in rows.ask(counted)}


def _estimated(rows: Rows, column: str, values: int) -> tuple[int, float]:
    """Estimate how many different values there are, from those whose hash is divisible by a number.

    Source: Wegman's adaptive sampling, in Flajolet (1990), Computing 43, with a rate chosen beforehand.
    """
    rate = max(1, values // _KEPT_HASHES)
    question = Sql(f"SELECT count(DISTINCT hash({column})) FROM rows WHERE hash({column}) % ? = 0", (rate,))
    [(kept,)] = rows.ask(question + f" AND {column} IS NOT NULL")
    return kept * rate, math.sqrt((1 - 1 / rate) / max(kept, 1))
