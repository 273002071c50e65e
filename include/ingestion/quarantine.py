"""Rows that break a rule of severity `quarantine`: set aside, so that the others can pass.

Everything here reads and writes in chunks; what is held in memory is one position per row that is set aside.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import InvariantBroken
from include.ingestion.row_text import encode_rows
from include.ingestion.staged import BrokenRows, StagedTable
from include.quarantine import COLUMNS, DISCARDED, HELD, RELEASED, Settlement, State

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ROW = "(row)"  # no column of a batch is called so
_CHUNK = 131_072


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one landed table."""

    landed: int
    accepted: int
    held: int = 0
    released: int = 0
    discarded: int = 0

    @property
    def quarantined(self) -> int:
        """Rows that the rules set aside, whatever was decided about them since."""
        return self.held + self.released + self.discarded


@dataclass(frozen=True)
class Late:
    """Rows that a release let in, and the data time from which they may be seen."""

    decision_id: str
    known_at: date
    rows: int


@dataclass(frozen=True)
class Split:
    """A staged table in two.

    Attributes:
        accepted: rows that break no rule, in their order, and then the released ones, oldest release first.
        set_aside: all rows that the rules set aside, with their position in the column `(row)`; None when the
            rules set no row aside.
        late: the releases whose rows stand at the end of `accepted`, in that order.
        on_time: the accepted rows without the released ones; None when there are no released ones.
        states: what was decided about a row that was set aside, and by which decision; nothing for held ones.
        broken: which rules the rows break.
    """

    accepted: StagedTable
    counts: Counts
    set_aside: StagedTable | None = None
    broken: BrokenRows | None = None
    late: tuple[Late, ...] = ()
    on_time: StagedTable | None = None
    states: dict[int, tuple[State, str]] = field(default_factory=dict)


def split(
    staged: StagedTable, broken: BrokenRows | None, settled: Sequence[Settlement], folder: Path
) -> Split:
    """Part a staged table by the rows that break rules, and let in again what was released.

    Args:
        staged: the rows as the rules saw them.
        broken: which of them break a rule of severity `quarantine`; None when none does.
        settled: what people decided about rows of this very table.
        folder: the task's own, for files of the parts.

    Raises:
        InvariantBroken: the rows that came out are not those that went in.
    """
    if broken is None or broken.rows == 0:
        return Split(staged, check_counts(staged.table, Counts(landed=staged.rows, accepted=staged.rows)))
    positions = _positions(broken)
    accepted, set_aside = (folder / f"{staged.table}-{part}.parquet" for part in ("accepted", "set-aside"))
    kept = _part(staged.path, positions, accepted, set_aside)
    states = states_of(_rules_of(broken), settled) if settled else {}
    everything = folder / f"{staged.table}-with-released.parquet"
    late = _append_released(accepted, set_aside, everything, states, settled)
    released = sum(release.rows for release in late)
    discarded = sum(state == DISCARDED for state, _ in states.values())
    held = len(positions) - released - discarded
    counts = Counts(staged.rows, accepted=kept, held=held, released=released, discarded=discarded)
    on_time = StagedTable(table=staged.table, path=accepted, rows=kept)
    return Split(
        accepted=StagedTable(staged.table, everything, kept + released) if late else on_time,
        on_time=on_time if late else None,
        set_aside=StagedTable(table=staged.table, path=set_aside, rows=len(positions)),
        late=late,
        states=states,
        broken=broken,
        counts=check_counts(staged.table, counts),
    )


def check_counts(table: str, counts: Counts) -> Counts:
    """Hold that no row was lost or doubled.

    Raises:
        InvariantBroken: accepted + held + released + discarded differs from the rows that landed.
    """
    if counts.accepted + counts.quarantined != counts.landed or min(counts.accepted, counts.held) < 0:
        raise InvariantBroken(
            f"{table}: {counts.landed} rows landed, but {counts.accepted} were accepted, {counts.held} held, "
            f"{counts.released} released and {counts.discarded} discarded. Nothing was published; report "
            "this with the file"
        )
    return counts


def _positions(broken: BrokenRows) -> np.ndarray:
    import numpy as np
    import pyarrow.parquet as pq

    return np.unique(pq.read_table(broken.path, columns=["row"])["row"].to_numpy())


def _part(path: Path, positions: np.ndarray, accepted: Path, set_aside: Path) -> int:
    """Write the rows at the positions into one file and all others into the other; return how many others."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pq.ParquetFile(path)
    aside_schema = source.schema_arrow.append(pa.field(ROW, pa.int64()))
    start, kept, written = 0, 0, 0
    with (
        pq.ParquetWriter(accepted, source.schema_arrow, compression="lz4") as ours,
        pq.ParquetWriter(set_aside, aside_schema, compression="lz4") as theirs,
    ):
        for batch in source.iter_batches(_CHUNK):
            first, last = np.searchsorted(positions, [start, start + len(batch)])
            here = positions[first:last]
            keep = np.ones(len(batch), dtype=bool)
            keep[here - start] = False
            if keep.any():
                ours.write_batch(batch.filter(pa.array(keep)))
            if len(here):
                taken = batch.take(pa.array(here - start))
                theirs.write_batch(
                    pa.RecordBatch.from_arrays([*taken.columns, pa.array(here)], schema=aside_schema)
                )
            start, kept, written = start + len(batch), kept + int(keep.sum()), written + len(here)
    if written != len(positions):
        raise InvariantBroken(
            f"{len(positions)} rows break a rule, but only {written} of them stand among the {start} rows of "
            f"{path.name}. Nothing was published; report this with the file"
        )
    return kept


def states_of(
    rules: Mapping[int, Iterable[str]], settled: Sequence[Settlement]
) -> dict[int, tuple[State, str]]:
    """Return what was decided about rows that are set aside, and by which decision; held ones are left out.

    A row is decided about once. A release covers the rules that the person saw; a row that breaks another
    one, after a change of the contract, stays held.

    Args:
        rules: names of the rules that each row breaks, by position.
        settled: what people decided.
    """
    states: dict[int, tuple[State, str]] = {}
    for settlement in settled:
        covered = set(settlement.rules)
        for row in settlement.rows:
            if row in rules and (settlement.kind == DISCARDED or covered.issuperset(rules[row])):
                states.setdefault(row, (settlement.kind, settlement.decision_id))
    return states


def _append_released(
    accepted: Path,
    set_aside: Path,
    everything: Path,
    states: dict[int, tuple[State, str]],
    settled: Sequence[Settlement],
) -> tuple[Late, ...]:
    """Write the accepted rows with the released ones behind them, if there are any."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    releases = [found for found in settled if found.kind == RELEASED]
    if not any(state == RELEASED for state, _ in states.values()):
        return ()
    source = pq.ParquetFile(accepted)
    late: list[Late] = []
    with pq.ParquetWriter(everything, source.schema_arrow, compression="lz4") as out:
        for batch in source.iter_batches(_CHUNK):
            out.write_batch(batch)
        for release in releases:
            own = pa.array([row for row, (_, by) in states.items() if by == release.decision_id], pa.int64())
            rows = pq.read_table(set_aside, filters=pa.compute.field(ROW).isin(own)).drop_columns([ROW])
            out.write_table(rows.cast(source.schema_arrow))
            late.append(Late(release.decision_id, release.known_at, len(rows)))
    return tuple(release for release in late if release.rows)


def quarantine_rows(
    parted: Split, *, decision_id: str, file_hash: str, known_at: date
) -> Iterator[pa.RecordBatch]:
    """Yield what is kept of the rows that were set aside, in the columns of `<uc>/quarantine`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if parted.broken is None or parted.set_aside is None:
        return
    found = _rules_of(parted.broken)
    for batch in pq.ParquetFile(parted.set_aside.path).iter_batches(_CHUNK):
        rows = batch.column(ROW).to_pylist()
        states = [parted.states.get(row, (HELD, "")) for row in rows]
        count = len(rows)
        yield pa.RecordBatch.from_pydict(
            {
                "table": [parted.set_aside.table] * count,
                "row": rows,
                "rule": [", ".join(found[row]) for row in rows],
                "value": [json.dumps(found[row], ensure_ascii=False) for row in rows],
                "data": encode_rows(batch.drop_columns([ROW])),
                "state": [state for state, _ in states],
                "decision_id": [decision_id] * count,
                "settled_by": [by for _, by in states],
                "file_hash": [file_hash] * count,
                "known_at": [known_at] * count,
            },
            schema=no_rows().schema,
        )


def no_rows() -> pa.RecordBatch:
    """Return an empty batch with the columns of `<uc>/quarantine`."""
    import pyarrow as pa

    types = {"row": pa.int64(), "known_at": pa.date32()}
    names = [*COLUMNS, "known_at"]
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names])
    return pa.RecordBatch.from_pylist([], schema=schema)


def _rules_of(broken: BrokenRows) -> dict[int, dict[str, str | None]]:
    """Return the offending value by rule of each row, the rules in alphabetical order."""
    import pyarrow.parquet as pq

    found: dict[int, dict[str, str | None]] = {}
    table = pq.read_table(broken.path, columns=["row", "rule", "value"])
    for item in table.sort_by([("row", "ascending"), ("rule", "ascending")]).to_pylist():
        found.setdefault(item["row"], {})[item["rule"]] = item["value"]
    return found
