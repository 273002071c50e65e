"""Whether the files of a partition are still being written."""

from __future__ import annotations

from dataclasses import dataclass, field

from include.errors import NotFound
from include.ingestion.sources import landed
from include.use_case import UseCase
from include.use_case_sections import CsvFiles, JsonLinesFiles, ParquetFiles, TableSource
from include.workspace import Workspace


@dataclass(frozen=True)
class Look:
    """What one look at the landing folder found.

    Attributes:
        missing: what is not there yet, in words.
        sizes: bytes of every file whose end no marker tells, by address.
    """

    missing: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)

    def settled_since(self, before: Look | None) -> bool:
        """Tell whether all is there and no size has changed since an earlier look.

        Files with a marker need no earlier look.
        """
        if self.missing:
            return False
        return not self.sizes or (before is not None and before.sizes == self.sizes)


def look(use_case: UseCase, partition: str, workspace: Workspace) -> Look:
    """Look at the files of every table of a partition."""
    found = Look()
    tables: list[TableSource] = [use_case.source, *use_case.source.side_tables.values()]
    for number, source in enumerate(tables):
        if not isinstance(source, ParquetFiles | CsvFiles | JsonLinesFiles):
            continue
        fault = landed.missing(str(number), source, partition, workspace.landing)
        if fault is not None:
            found.missing.append(fault.detail)
        elif source.success_marker is None:
            found.sizes.update(_sizes(source, partition, workspace, found.missing))
    return found


def _sizes(
    source: ParquetFiles | CsvFiles | JsonLinesFiles, partition: str, workspace: Workspace, missing: list[str]
) -> dict[str, int]:
    store, sizes = workspace.landing, {}
    for key in landed.matching(landed.pattern_of(source, partition), store):
        try:
            sizes[store.address(key)] = store.size(key)
        except NotFound:  # replaced at this moment
            missing.append(f"{store.address(key)} has gone")
    return sizes
