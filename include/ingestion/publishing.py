"""Writing an accepted batch: side tables and profile first, the batch itself last."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from include import partitions
from include.errors import NotFound
from include.lake import AUDIT_COLUMNS, SIDE_TABLE_PREFIX, Lake, TableRef
from include.stats.profile import profile_frame
from include.use_case import UseCase
from include.use_case_sections import Column

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = {"integer", "number"}


def publish(
    use_case: UseCase, partition: str, tables: dict[str, pd.DataFrame], hashes: dict[str, str], lake: Lake
) -> TableRef:
    """Write every table of a partition and return the batch's name.

    Args:
        use_case: whose partition it is.
        partition: its key.
        tables: rows by table name; the batch under `batch`.
        hashes: SHA-256 of the raw file of each table.
        lake: where to write.
    """
    written = lake.partitions(use_case.name, "batches")
    corrected = partitions.available_at(max([*written, partition]))
    ref: TableRef | None = None
    for name in sorted(tables, key=lambda table: table == "batch"):
        table = "batches" if name == "batch" else f"{SIDE_TABLE_PREFIX}{name}"
        rows = with_known_at(
            tables[name], _present(lake, use_case.name, table, partition), partition, corrected
        )
        contract_hash, source_hash = use_case.contract_hash, hashes[name]
        if name == "batch":
            profile = _profile(tables[name], use_case.contract.columns).assign(
                known_at=rows["known_at"].max()
            )
            lake.write_partition(
                use_case.name,
                "profiles",
                partition,
                profile,
                source_hash=source_hash,
                contract_hash=contract_hash,
            )
        ref = lake.write_partition(
            use_case.name, table, partition, rows, source_hash=source_hash, contract_hash=contract_hash
        )
    if ref is None:
        raise ValueError("there is no table to publish; pass at least the batch")
    return ref


def _present(lake: Lake, use_case: str, table: str, partition: str) -> pd.DataFrame | None:
    try:
        rows = lake.read(use_case, table, partitions=[partition])
    except NotFound:
        return None
    return rows if len(rows) else None


def with_known_at(
    rows: pd.DataFrame, present: pd.DataFrame | None, partition: str, corrected: date
) -> pd.DataFrame:
    """Add the data time from which each row may be seen.

    A partition's first rows are known from its nominal availability. When it is replaced, rows that stood
    there before keep theirs; new and changed ones are known from the day of the correction, in data time.
    """
    import pandas as pd

    if present is None:
        return rows.assign(known_at=partitions.available_at(partition))
    old = present.drop(columns=list(AUDIT_COLUMNS), errors="ignore")
    if sorted(old.columns) != sorted(rows.columns):
        return rows.assign(known_at=corrected)
    kinds = {name: _common_type(old[name], rows[name]) for name in sorted(rows.columns)}
    before, now = (
        pd.util.hash_pandas_object(frame[list(kinds)].astype(kinds), index=False) for frame in (old, rows)
    )
    known = dict(zip(before, present["known_at"], strict=True))
    return rows.assign(known_at=[known.get(row, corrected) for row in now])


def _common_type(one: pd.Series, other: pd.Series) -> str:
    """Name a type in which equal values are equal: a null elsewhere in a column makes its integers floats."""
    from pandas.api import types

    if not all(types.is_numeric_dtype(part) and not types.is_bool_dtype(part) for part in (one, other)):
        return "string"
    return "Int64" if types.is_integer_dtype(one) and types.is_integer_dtype(other) else "float64"


def _profile(rows: pd.DataFrame, columns: dict[str, Column]) -> pd.DataFrame:
    numbers = [name for name, column in columns.items() if column.type in _NUMBERS]
    categories = [name for name, column in columns.items() if column.type in {"string", "boolean"}]
    return profile_frame(rows, numbers=numbers, categories=categories)
