"""Writing an accepted batch: side tables and profile first, the batch itself last."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from include import partitions
from include.errors import NotFound
from include.ingestion.evidence import BATCH
from include.ingestion.profiling import profile
from include.ingestion.quarantine import Late, Split
from include.ingestion.reading import frame_of
from include.lake import AUDIT_COLUMNS, RELEASED_BY, SIDE_TABLE_PREFIX, Lake, TableRef
from include.use_case import UseCase

if TYPE_CHECKING:
    import pandas as pd


def publish(
    use_case: UseCase,
    partition: str,
    tables: dict[str, Split],
    hashes: dict[str, str],
    lake: Lake,
    *,
    contract_hash: str = "",
) -> TableRef:
    """Write every table of a partition and return the name of the last one, the batch if it is among them.

    Args:
        use_case: whose partition it is.
        partition: its key.
        tables: rows by table name, those set aside apart; the batch under `batch`.
        hashes: SHA-256 of the raw file of each table.
        lake: where to write.
        contract_hash: of the contract that let the rows in; the use case's when left out.
    """
    import pyarrow.parquet as pq

    written = lake.partitions(use_case.name, "batches")
    corrected = partitions.available_at(max([*written, partition]))
    ref: TableRef | None = None
    for name in sorted(tables, key=lambda table: table == BATCH):
        table = lake_table(name)
        accepted = tables[name].accepted
        rows = with_known_at(
            frame_of(pq.ParquetFile(accepted.path).read()),
            _present(lake, use_case.name, table, partition),
            partition,
            corrected,
        )
        rows = _mark_late(rows, tables[name].late)
        made_from = {"source_hash": hashes[name], "contract_hash": contract_hash or use_case.contract_hash}
        if name == BATCH:
            found = profile(accepted, use_case.contract.kept).assign(known_at=rows["known_at"].max())
            lake.write_partition(use_case.name, "profiles", partition, found, **made_from)
        ref = lake.write_partition(use_case.name, table, partition, rows, **made_from)
    if ref is None:
        raise ValueError("there is no table to publish; pass at least one")
    return ref


def lake_table(name: str) -> str:
    """Return what the batch or a side table is called in the lake."""
    return "batches" if name == BATCH else f"{SIDE_TABLE_PREFIX}{name}"


def _mark_late(rows: pd.DataFrame, late: tuple[Late, ...]) -> pd.DataFrame:
    """Say of the rows at the end which release let them in, and let them be seen from its day on."""
    if not late:
        return rows
    on_time = len(rows) - sum(release.rows for release in late)
    known_at = rows["known_at"].iloc[:on_time].tolist()
    released_by: list[str | None] = [None] * on_time
    for release in late:
        known_at += [release.known_at] * release.rows
        released_by += [release.decision_id] * release.rows
    marked = rows.assign(known_at=known_at)
    marked[RELEASED_BY] = released_by
    return marked


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
