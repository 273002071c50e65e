"""The rules of a contract, applied to a staged table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.ingestion.evidence import BATCH, RuleResult
from include.ingestion.reading import EVENT_DATE, frame_of, local_dates
from include.ingestion.staged import BrokenRows, StagedTable
from include.ingestion.suite import compile_suite, run_suite
from include.use_case import UseCase
from include.use_case_sections import Contract

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RuleContext:
    """What rules may look at beside the rows that they judge.

    Attributes:
        partition: key of the partition that landed.
        folder: the task's own, for files in between.
        tables: all staged tables of the delivery, for rules that refer to another one.
    """

    use_case: UseCase
    partition: str
    folder: Path
    tables: dict[str, StagedTable]


def evaluate(
    staged: StagedTable, contract: Contract, context: RuleContext
) -> tuple[list[RuleResult], BrokenRows]:
    """Return one result per rule of the contract, and the rows that its rules set aside."""
    import pyarrow.parquet as pq

    rows = frame_of(pq.ParquetFile(staged.path).read())
    partition = context.partition if staged.table == BATCH else None
    if partition is not None:
        rows = _dated(rows, context.use_case)
    results = run_suite(staged.table, compile_suite(staged.table, contract, partition), rows)
    return results, BrokenRows(context.folder / f"{staged.table}-broken.parquet", 0)


def _dated(rows: pd.DataFrame, use_case: UseCase) -> pd.DataFrame:
    times = rows[use_case.source.event_time]
    dates = local_dates(times, use_case.source.timezone)
    # A time that cannot be read is a row that may belong anywhere, not a missing value.
    return rows.assign(**{EVENT_DATE: dates.where(dates.notna() | times.isna(), "unreadable")})
