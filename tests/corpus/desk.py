"""The use case that the broken batches are sent to, and the counter that takes them in."""

from __future__ import annotations

import io
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import AirlockError, GateRefused
from include.ingestion.stage import ingest
from include.settings import Settings
from include.use_case import UseCase
from include.workspace import Workspace

DAY = "2024-03-05"
EARLIER = ("2024-02-06", "2024-02-13", "2024-02-20", "2024-02-27")  # the same weekday
ROWS = 120
KINDS = {
    "parquet": {"kind": "parquet", "path": "orders/{partition}.parquet"},
    "parts": {"kind": "parquet", "path": "orders/{partition}/", "success_marker": "_SUCCESS"},
    "glob": {"kind": "parquet", "path": "orders/{partition}/part-*.parquet"},
    "csv": {"kind": "csv", "path": "orders/{partition}.csv"},
    "csv.gz": {"kind": "csv", "path": "orders/{partition}.csv.gz", "compression": "gzip"},
    "json": {"kind": "json_lines", "path": "orders/{partition}.jsonl"},
    "json.gz": {"kind": "json_lines", "path": "orders/{partition}.jsonl.gz", "compression": "gzip"},
    "sql": {
        "kind": "sql",
        "connection": "shop",
        "query": "SELECT * FROM orders WHERE day = :partition ORDER BY 1",
    },
    "python": {"kind": "python", "function": "extract:rows"},
}
DECLARATION: dict[str, Any] = {
    "name": "orders",
    "title": "Orders that come late",
    "owner": "tests",
    "problem": {"kind": "binary", "question": "Will it come late?", "key": ["order"]},
    "labels": {"kind": "column", "column": "late"},
    "contract": {
        "unique": ["order"],
        "volume": {"min_rows": 20, "max_rows": 1000, "max_ratio": 2.0},
        "columns": {
            "order": {"type": "integer", "min": 1, "max": 10**12},
            "placed": {"type": "timestamp"},
            "country": {"type": "string", "categories": ["DE", "FR", "US"]},
            "amount": {"type": "number", "min": 0, "max": 1000},
            "express": {"type": "boolean"},
            "note": {"type": "string", "max_null_share": 0.6, "severity": "warn"},
            "late": {"type": "boolean", "max_null_share": 1},
        },
    },
}
SHARED = {
    "event_time": "placed",
    "timezone": "Europe/Berlin",
    "start_date": "2024-01-01",
    "max_file_bytes": 50_000_000,
    "max_decompressed_bytes": 200_000_000,
    "max_compression_ratio": 50,
    "max_value_bytes": 100_000,
    "max_files": 20,
}


def use_case(kind: str = "parquet", **changes: Any) -> UseCase:
    """Return the use case over a kind of source; `source` and `contract` of the changes are merged in."""
    source = SHARED | KINDS[kind] | changes.pop("source", {})
    contract = DECLARATION["contract"] | changes.pop("contract", {})
    declaration = DECLARATION | {"source": source, "contract": contract} | changes
    return UseCase.model_validate(declaration, strict=False)


def frame(day: str = DAY, rows: int = ROWS) -> pd.DataFrame:
    """Return a good batch."""
    random = np.random.default_rng(int(day.replace("-", "")))
    placed = pd.Timestamp(day, tz="Europe/Berlin") + pd.to_timedelta(np.arange(rows) * 600 % 80_000, unit="s")
    return pd.DataFrame(
        {
            "order": int(day.replace("-", "")) * 10_000 + np.arange(rows),
            "placed": placed,
            "country": random.choice(["DE", "FR", "US"], rows),
            "amount": random.gamma(2, 40, rows).round(2).clip(0, 900),
            "express": random.random(rows) < 0.3,
            "note": np.where(random.random(rows) < 0.5, "leave at the door", None),
            "late": random.random(rows) < 0.2,
        }
    )


def table(rows: pd.DataFrame | None = None) -> pa.Table:
    return pa.Table.from_pandas(frame() if rows is None else rows, preserve_index=False)


def parquet(rows: pa.Table | pd.DataFrame | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(rows if isinstance(rows, pa.Table) else table(rows), buffer, **options)
    return buffer.getvalue()


def csv_text(rows: pd.DataFrame | None = None, **options: Any) -> str:
    found = frame() if rows is None else rows
    for name in ("express", "late"):
        if name in found and found[name].dtype == bool:
            found = found.assign(**{name: found[name].map({True: "true", False: "false"})})
    if "placed" in found and hasattr(found["placed"], "dt"):
        found = found.assign(placed=[time.isoformat() for time in found["placed"]])
    return found.to_csv(index=False, lineterminator="\n", **options)


def json_text(rows: pd.DataFrame | None = None) -> str:
    found = frame() if rows is None else rows
    if "placed" in found and hasattr(found["placed"], "dt"):
        found = found.assign(placed=[time.isoformat() for time in found["placed"]])
    return found.to_json(orient="records", lines=True)


@dataclass(frozen=True)
class Answer:
    """What came of a batch: a verdict, or `error` for a mistake of configuration."""

    verdict: str
    message: str
    reasons: list[str] = field(default_factory=list)


class Desk:
    """An installation where four weeks are published, and batches are handed in.

    Args:
        folder: of its own, empty.
    """

    def __init__(self, folder: Path) -> None:
        self.use_cases = folder / "use_cases"
        settings = Settings(
            _env_file=None, home=folder / "home", use_cases_dir=self.use_cases, privacy_key="k" * 32
        )
        self.database = folder / "shop.db"
        self.workspace = Workspace(settings, connections=self._connection)
        self.landing = Path(settings.landing)
        self.lake = Path(settings.lake)
        for day in EARLIER:
            self.land({f"orders/{day}.parquet": parquet(frame(day))})
            ingest(use_case(), day, actor="tests", workspace=self.workspace)

    def _connection(self, name: str) -> str:
        return f"sqlite:///{self.database}" if name == "shop" else "nonsense"

    def land(self, files: Mapping[str, bytes]) -> None:
        for key, content in files.items():
            path = self.landing / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def clear(self) -> None:
        """Take away what landed, the database and the functions."""
        for path in sorted((self.landing / "orders").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        self.database.unlink(missing_ok=True)

    def fill(self, rows: pd.DataFrame) -> None:
        """Put rows into the database, under the date that the query asks for."""
        with sqlite3.connect(self.database) as connection:
            texts = [time.isoformat() for time in rows["placed"]] if "placed" in rows else None
            changed = rows.assign(placed=texts) if texts else rows
            changed.assign(day=DAY).to_sql("orders", connection, index=False, if_exists="replace")
        connection.close()

    def script(self, text: str) -> None:
        """Put a function beside the use case."""
        path = self.use_cases / "orders" / "extract.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def ingest(self, declared: UseCase, day: str = DAY) -> Answer:
        try:
            decision, _ = ingest(declared, day, actor="tests", workspace=self.workspace)
        except GateRefused as refusal:
            return Answer("refuse", str(refusal), refusal.reasons)
        except AirlockError as error:
            return Answer("error", f"{type(error).__name__}: {error}")
        return Answer(decision.verdict.value, "; ".join(decision.reasons), decision.reasons)

    def tables(self) -> dict[str, tuple[int, int]]:
        """Size and time of every file of every table, which no write leaves as they are.

        The raw store and the reports keep evidence of refused batches too.
        """
        found = {}
        for folder, below, files in os.walk(self.lake):
            below[:] = [name for name in below if folder != str(self.lake) or not name.startswith("_")]
            for name in files:
                status = os.stat(f"{folder}/{name}")  # noqa: PTH116 -- of some thousand files, each time
                found[f"{folder}/{name}"] = (status.st_size, status.st_mtime_ns)
        return found
