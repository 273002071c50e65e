"""Homes where some days of real flights are published, and files that somebody has changed."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include import partitions
from include.decisions import Decision
from include.ingestion.stage import ingest
from include.lake import TableRef
from include.settings import Settings
from include.use_case import UseCase
from include.workspace import Workspace
from tests.sharing import shared

EARLIER = partitions.span("2013-01-07", "2013-01-10")
DAY = "2013-01-11"


class Home:
    """An installation, the folder where its files land, and the bytes of its tables."""

    def __init__(self, folder: Path, upstream: Path, use_case: UseCase) -> None:
        self.folder, self._upstream, self.use_case = folder, upstream, use_case
        self.workspace = Workspace(Settings(_env_file=None, home=folder))
        self.lake, self.ledger = self.workspace.lake, self.workspace.ledger

    def file(self, day: str = DAY, table: str = "flights") -> Path:
        """Where a file lands."""
        return Path(self.workspace.settings.landing) / table / f"{day}.parquet"

    def land(self, days: Iterable[str]) -> None:
        """Let the files of some days land."""
        for table in ("flights", "weather"):
            for day in days:
                self.file(day, table).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self._upstream / table / f"{day}.parquet", self.file(day, table))

    def change(self, change: Callable[[bytes], bytes], day: str = DAY, table: str = "flights") -> None:
        """Let a changed file land in place of one that is there."""
        file = self.file(day, table)
        file.write_bytes(change(file.read_bytes()))

    def ingest(self, day: str = DAY, **changes: Any) -> tuple[Decision, TableRef]:
        """Ingest a day, under a declaration with some sections replaced."""
        use_case = self.use_case.model_copy(update=changes)
        return ingest(use_case, day, actor="tests", workspace=self.workspace)

    def tables(self) -> dict[Path, bytes]:
        """Every byte of every table."""
        lake = Path(self.workspace.settings.lake)
        files = (
            path for path in lake.rglob("*") if path.is_file() and not {"_raw", "_reports"} & {*path.parts}
        )
        return {path.relative_to(lake): path.read_bytes() for path in files}

    def rows(self, day: str = DAY, table: str = "batches") -> pd.DataFrame:
        return self.lake.read("flights", table, partitions=[day])


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def reshaped(change: Callable[[pa.Table], pa.Table]) -> Callable[[bytes], bytes]:
    """A change of a file as a table."""
    return lambda content: parquet(change(pq.read_table(io.BytesIO(content))))


def changed(column: str, values: Any, *, rows: slice = slice(None)) -> Callable[[bytes], bytes]:
    """A change of a file that sets the values of a column in some of its rows."""

    def change(content: bytes) -> bytes:
        frame = pd.read_parquet(io.BytesIO(content))
        frame.loc[frame.index[rows], column] = values
        return parquet(pa.Table.from_pandas(frame, preserve_index=False))

    return change


@pytest.fixture(scope="session")
def prepared(landed: Path, flights: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where four days are published."""

    def fill(folder: Path) -> None:
        home = Home(folder, landed, flights)
        home.land(EARLIER)
        for day in EARLIER:
            home.ingest(day)

    return shared(tmp_path_factory, "ingested-home", fill)


@pytest.fixture
def home(prepared: Path, landed: Path, flights: UseCase, tmp_path: Path) -> Home:
    """A copy of it, where one more day has landed and waits."""
    copied = Home(shutil.copytree(prepared, tmp_path / "home"), landed, flights)
    copied.land([DAY])
    return copied
