"""A store that fails while rules are evaluated says nothing of the rows: no rule is broken by it."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from include import partitions
from include.errors import DiskFull, Outage
from include.ingestion.rules import RuleContext, evaluate
from include.ingestion.rules.rows import Sql, open_rows
from include.ingestion.staged import StagedTable, write_staged
from include.lake import Lake
from include.use_case_sections import Contract

DAY = "2013-02-04"
USE_CASE: Any = SimpleNamespace(
    name="uc", source=SimpleNamespace(event_time="time", timezone="America/New_York")
)


@pytest.fixture
def staged(tmp_path: Path) -> StagedTable:
    return write_staged("batch", pa.table({"key": [1, 2], "time": pa.nulls(2, pa.string())}), tmp_path)


def test_earlier_days_that_cannot_be_read_are_an_outage(staged: StagedTable, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    day = partitions.shift(DAY, -1)
    rows = pd.DataFrame({"key": [1], "known_at": [partitions.available_at(day)]})
    lake.write_partition("uc", "batches", day, rows, source_hash="s", contract_hash="c")
    [file] = (tmp_path / "lake").rglob("*.parquet")
    file.unlink()
    contract = Contract.model_validate(
        {
            "columns": {"key": {"type": "integer"}, "time": {"type": "timestamp", "max_null_share": 1.0}},
            "unique": ["key"],
            "replayed": {"days": 7},
        }
    )
    workspace: Any = SimpleNamespace(lake=lake)
    with pytest.raises(
        Outage, match=r"Rows of earlier days, which a rule looks at, cannot be read: .*IOError"
    ):
        evaluate(staged, contract, RuleContext(USE_CASE, DAY, tmp_path, {}, workspace))


def test_no_room_for_what_does_not_fit_into_memory_is_a_full_disk(
    staged: StagedTable, tmp_path: Path
) -> None:
    with pytest.raises(DiskFull, match="TMPDIR"):
        _rank_many(staged, tmp_path)


def _rank_many(staged: StagedTable, folder: Path) -> None:
    with open_rows(staged, folder) as rows:
        rows.connection.execute("SET memory_limit = '30MB'; SET max_temp_directory_size = '1MB'")
        ranked = (
            "SELECT row_number() OVER (PARTITION BY i % 99 ORDER BY hash(i)) AS r FROM range(3000000) t(i)"
        )
        rows.ask(Sql(f"SELECT max(r) FROM ({ranked})"))  # noqa: S608 -- no value of anybody's


def test_other_errors_of_a_query_pass_as_they_are(staged: StagedTable, tmp_path: Path) -> None:
    with pytest.raises(duckdb.BinderException), open_rows(staged, tmp_path) as rows:
        rows.ask(Sql("SELECT nothing FROM rows"))
    with pytest.raises(PermissionError), open_rows(staged, tmp_path):
        raise PermissionError(errno.EACCES, "no")
