"""Rows that break a rule of severity `quarantine`: set aside, so that the others can pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from include.ingestion.staged import BrokenRows, StagedTable


@dataclass(frozen=True)
class Split:
    """A staged table in two parts, whose rows add up to it.

    Attributes:
        accepted: the rows that pass, in their order.
        set_aside: the others; None when there are none.
    """

    accepted: StagedTable
    set_aside: StagedTable | None = None


def split(staged: StagedTable, broken: BrokenRows, folder: Path) -> Split:
    """Part the rows that break a rule from those that do not."""
    if broken.rows == 0:
        return Split(staged)
    return Split(*_parted(staged, broken, folder))


def _parted(staged: StagedTable, broken: BrokenRows, folder: Path) -> tuple[StagedTable, StagedTable]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from include.ingestion.staged import write_staged

    rows = pq.read_table(staged.path)
    aside = set(pq.read_table(broken.path, columns=["row"])["row"].to_pylist())
    kept = pa.array([row not in aside for row in range(staged.rows)])
    parts = [rows.filter(kept), rows.filter(pa.compute.invert(kept))]
    names = ("accepted", "set_aside")
    accepted, set_aside = (
        write_staged(staged.table, part, folder, name=f"{staged.table}-{name}")
        for part, name in zip(parts, names, strict=True)
    )
    return accepted, set_aside
