"""The profile of the rows that a batch leaves behind: what later checks read instead of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.ingestion.reading import frame_of
from include.ingestion.staged import StagedTable
from include.stats.profile import profile_frame
from include.use_case_sections import Contract

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = {"integer", "number"}


def profile(accepted: StagedTable, contract: Contract) -> pd.DataFrame:
    """Summarise the columns of the contract, one row each; see `include.stats.profile`."""
    import pyarrow.parquet as pq

    rows = frame_of(pq.ParquetFile(accepted.path).read())
    columns = contract.columns.items()
    return profile_frame(
        rows,
        numbers=[name for name, column in columns if column.type in _NUMBERS],
        categories=[name for name, column in columns if column.type in {"string", "boolean"}],
    )
