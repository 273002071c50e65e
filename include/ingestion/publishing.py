"""Writing an accepted batch: side tables and profile first, the batch itself last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from include import partitions
from include.ingestion.evidence import BATCH
from include.ingestion.known_at import KnownAt
from include.ingestion.profiling import profile
from include.ingestion.quarantine import Late, Split
from include.ingestion.staged import ROW_GROUP, StagedTable
from include.lake import RELEASED_BY, SIDE_TABLE_PREFIX, Lake, TableRef
from include.lake_outages import outages
from include.use_case import UseCase

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def publish(
    use_case: UseCase,
    partition: str,
    tables: dict[str, Split],
    hashes: dict[str, str],
    lake: Lake,
    *,
    contract_hash: str = "",
    profiles: pd.DataFrame | None = None,
) -> TableRef:
    """Write every table of a partition and return the name of the last one, the batch if it is among them.

    Args:
        use_case: whose partition it is.
        partition: its key.
        tables: rows by table name, those set aside apart; the batch under `batch`.
        hashes: SHA-256 of the raw file of each table.
        lake: where to write.
        contract_hash: of the contract that let the rows in; the use case's when left out.
        profiles: of the batch's rows; computed when left out.
    """
    written = lake.partitions(use_case.name, "batches")
    corrected = partitions.available_at(max([*written, partition]))
    ref: TableRef | None = None
    for name in sorted(tables, key=lambda table: table == BATCH):
        accepted, late = tables[name].accepted, tables[name].late
        made_from = {"source_hash": hashes[name], "contract_hash": contract_hash or use_case.contract_hash}
        rows = _Rows(use_case.name, partition, name, accepted, late, corrected, lake)
        if name == BATCH:
            if profiles is None:
                profiles = profile(accepted, use_case.contract.kept, accepted.path.parent)
            found = profiles.assign(known_at=rows.latest())
            lake.write_partition(use_case.name, "profiles", partition, found, **made_from)
        ref = lake.write_batches(use_case.name, lake_table(name), partition, rows.batches, **made_from)
    if ref is None:
        raise ValueError("there is no table to publish; pass at least one")
    return ref


def lake_table(name: str) -> str:
    """Return what the batch or a side table is called in the lake."""
    return "batches" if name == BATCH else f"{SIDE_TABLE_PREFIX}{name}"


@dataclass(frozen=True)
class _Rows:
    """The accepted rows of one table, with the day from which each may be seen."""

    use_case: str
    partition: str
    table: str
    accepted: StagedTable
    late: tuple[Late, ...]
    corrected: date
    lake: Lake

    @cached_property
    def _known_at(self) -> KnownAt:
        import pyarrow.parquet as pq

        day = self.partition
        present = self.lake.scan(self.use_case, lake_table(self.table), day, day)
        with outages(self.lake.root):
            return KnownAt(day, self.corrected, present, pq.read_schema(self.accepted.path))

    def latest(self) -> date:
        """Return the latest day from which a row may be seen."""
        return max([self._known_at.latest(self._staged()), *(release.known_at for release in self.late)])

    def _staged(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = pq.ParquetFile(self.accepted.path)
        yield from file.iter_batches(ROW_GROUP)
        if file.metadata.num_rows == 0:
            yield pa.RecordBatch.from_pylist([], file.schema_arrow)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; those that a release let in stand at the end and name it."""
        import numpy as np
        import pyarrow as pa

        bounds = np.cumsum([release.rows for release in self.late], dtype=np.int64)
        bounds += self.accepted.rows - (bounds[-1] if len(bounds) else 0)
        on_time = self.accepted.rows - sum(release.rows for release in self.late)
        start = 0
        for batch in self._staged():
            known = self._known_at.of(batch)
            places = start + np.arange(batch.num_rows)
            which = np.searchsorted(bounds, places, side="right")
            for number, release in enumerate(self.late):
                known[(places >= on_time) & (which == number)] = np.datetime64(release.known_at)
            extended = batch.append_column("known_at", pa.array(known, pa.date32()))
            if self.late:
                names = [
                    self.late[number].decision_id if place >= on_time else None
                    for place, number in zip(places.tolist(), which.tolist(), strict=True)
                ]
                extended = extended.append_column(RELEASED_BY, pa.array(names, pa.string()))
            yield extended
            start += batch.num_rows
