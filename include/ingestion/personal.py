"""Columns that look like personal data although they do not declare it; see `include.personal_data`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.ingestion.evidence import Fault
from include.ingestion.staged import StagedTable
from include.personal_data import looks_like
from include.use_case_sections import Contract, Privacy

if TYPE_CHECKING:
    import pyarrow as pa


def undeclared(staged: StagedTable, contract: Contract, privacy: Privacy) -> list[Fault]:
    """Return a fault for each column that looks like personal data; its examples are masked.

    Looks at texts and integers of `privacy.sample_rows` rows, spread evenly over the table.
    """
    if privacy.undeclared == "ignore":
        return []
    columns = [
        name
        for name, column in contract.columns.items()
        if column.pii is None and column.type in {"string", "integer"} and name not in privacy.not_personal
    ]
    rows = _sample(staged, columns, privacy.sample_rows)
    faults = []
    for name in columns:
        values = [str(value) for value in rows.column(name).to_pylist() if value is not None]
        if detail := looks_like(values, privacy.phone_region):
            faults.append(
                Fault(
                    table=staged.table,
                    rule=f"{name}.personal",
                    detail=f"column {name!r} declares no pii and {detail}; declare `pii` for it, or list it "
                    "in privacy.not_personal",
                    severity=privacy.undeclared,
                )
            )
    return faults


def _sample(staged: StagedTable, columns: Sequence[str], count: int) -> pa.Table:
    """Read rows at equal distances; of a long table only some row groups are opened."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(staged.path)
    groups = file.num_row_groups
    opened = sorted({int(place) for place in np.linspace(0, groups - 1, min(groups, 8))}) if groups else []
    each = -(-count // max(len(opened), 1))
    parts = []
    for group in opened:
        rows = file.read_row_group(group, columns=list(columns))
        step = max(len(rows) // each, 1)
        parts.append(rows.take(pa.array(range(0, len(rows), step)[:each], pa.int64())))
    return pa.concat_tables(parts) if parts else file.schema_arrow.empty_table()
