"""From which data time each row may be seen, for rows that come in batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from include import partitions
from include.ingestion.reading import frame_of
from include.lake import AUDIT_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

_Days = np.dtype("datetime64[D]")


class KnownAt:
    """The rule of a partition.

    A partition's first rows are known from its nominal availability. When it is replaced, rows that stood
    there before keep theirs; new and changed ones are known from the day of the correction, in data time.

    Args:
        partition: key of the partition.
        corrected: day of the correction.
        present: the rows that stand there; None when there are none.
        columns: of the rows that come, with their types.
    """

    def __init__(
        self, partition: str, corrected: date, present: ds.Dataset | None, columns: pa.Schema
    ) -> None:
        self._first, self._corrected = partitions.available_at(partition), corrected
        self._kinds: dict[str, str] | None = None
        self._hashes, self._days = np.empty(0, np.uint64), np.empty(0, _Days)
        self.replaces = present is not None and present.count_rows() > 0
        if present is not None and self.replaces:
            stored = {field.name: field.type for field in present.schema if field.name not in AUDIT_COLUMNS}
            if sorted(stored) == sorted(columns.names):
                self._kinds = {
                    name: _common(stored[name], columns.field(name).type) for name in sorted(stored)
                }
                self._remember(present, self._kinds)

    def _remember(self, present: ds.Dataset, kinds: Mapping[str, str]) -> None:
        hashes, days = [], []
        for batch in present.to_batches(columns=[*kinds, "known_at"]):
            hashes.append(_hashes(batch, kinds))
            days.append(batch.column("known_at").to_numpy(zero_copy_only=False).astype(_Days))
        order = np.argsort(found := np.concatenate(hashes), kind="stable")
        self._hashes, self._days = found[order], np.concatenate(days)[order]

    def of(self, batch: pa.RecordBatch) -> np.ndarray:
        """Return the day of each row, as `datetime64[D]`."""
        if not self.replaces:
            return np.full(batch.num_rows, self._first, dtype=_Days)
        found = np.full(batch.num_rows, self._corrected, dtype=_Days)
        if self._kinds is None or not batch.num_rows:
            return found
        wanted = _hashes(batch, self._kinds)
        # Of equal rows that were there before, the last one counts.
        places = np.searchsorted(self._hashes, wanted, side="right") - 1
        same = (places >= 0) & (self._hashes[places] == wanted)
        found[same] = self._days[places[same]]
        return found

    def latest(self, batches: Iterable[pa.RecordBatch]) -> date:
        """Return the latest day of all rows."""
        if not self.replaces:
            return self._first
        newest: date = max(
            (self.of(batch).max().item() for batch in batches if batch.num_rows), default=self._first
        )
        return newest


def _hashes(batch: pa.RecordBatch, kinds: Mapping[str, str]) -> np.ndarray:
    import pandas as pd
    import pyarrow as pa

    rows = frame_of(pa.Table.from_batches([batch.select(list(kinds))])).astype(dict(kinds))
    return pd.util.hash_pandas_object(rows, index=False).to_numpy()


def _common(one: pa.DataType, other: pa.DataType) -> str:
    """Name a type in which equal values are equal: a null elsewhere in a column makes its integers floats."""
    import pyarrow.types as pat

    kinds = (one, other)
    if not all(pat.is_integer(kind) or pat.is_floating(kind) for kind in kinds):
        return "string"
    return "Int64" if all(pat.is_integer(kind) for kind in kinds) else "float64"
