"""The rows of a table between their source and the lake: a Parquet file in the task's own folder.

A file on disk instead of a frame in memory, so that a batch of 50 million rows passes in bounded memory and
every step (rules, split, profile, publication) reads it in chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 131_072


@dataclass(frozen=True)
class StagedTable:
    """Rows as the contract's rules see them: typed by the contract, with declared personal data masked.

    Attributes:
        table: `batch`, or the name of a side table.
        path: one Parquet file; the position of a row in it, from 0, names the row within this task. Numbers
            hold no NaN: a missing value is null.
        rows: how many.
    """

    table: str
    path: Path
    rows: int


@dataclass(frozen=True)
class BrokenRows:
    """Which rows break which rule of severity `quarantine`.

    Attributes:
        path: Parquet file with the columns `row` (int64, position in the staged table), `rule` and `value`
            (text); a row stands once for every rule that it breaks.
        rows: how many different rows.
    """

    path: Path
    rows: int


def write_staged(table: str, rows: pa.Table, folder: Path, *, name: str | None = None) -> StagedTable:
    """Write rows that are in memory; a source that streams writes its file itself.

    Args:
        table: name of the table.
        rows: typed by the contract.
        folder: the task's own.
        name: of the file, without its ending; the table's when left out.
    """
    import pyarrow.parquet as pq

    path = folder / f"{name or table}.parquet"
    pq.write_table(rows, path, compression="lz4", row_group_size=ROW_GROUP)
    return StagedTable(table, path, rows.num_rows)
