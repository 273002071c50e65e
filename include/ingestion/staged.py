"""The rows of a table between their source and the lake: a Parquet file in the task's own folder.

A file on disk instead of a frame in memory, so that a batch of 50 million rows passes in bounded memory and
every step (rules, split, profile, publication) reads it in chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StagedTable:
    """Rows as the contract's rules see them: typed by the contract, with declared personal data masked.

    Attributes:
        table: `batch`, or the name of a side table.
        path: one Parquet file; the position of a row in it, from 0, names the row within this task.
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
