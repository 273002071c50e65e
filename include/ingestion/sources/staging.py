"""One table of a partition, from its source to a staged file, whatever kind the source is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from include.errors import BatchUnreadable
from include.hashing import digest, digest_file
from include.ingestion.evidence import Fault, LandedFile
from include.ingestion.personal import undeclared
from include.ingestion.privacy import Masking, masked_columns
from include.ingestion.sources import landed
from include.ingestion.sources.conversion import Conversion, arrow_type
from include.ingestion.sources.csv_files import read_csv
from include.ingestion.sources.doubts import Doubts
from include.ingestion.sources.json_lines import read_json_lines
from include.ingestion.sources.parquet_files import read_parquet
from include.ingestion.sources.python_function import read_function
from include.ingestion.sources.sql_query import read_sql
from include.ingestion.sources.text_lines import Budget
from include.ingestion.staged import ROW_GROUP, StagedTable
from include.use_case import UseCase
from include.use_case_sections import (
    Contract,
    CsvFiles,
    FileSource,
    JsonLinesFiles,
    ParquetFiles,
    PythonFunction,
    SqlQuery,
    TableSource,
)
from include.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Staged:
    """What came of one table.

    Attributes:
        rows: None when a fault makes the rules of the contract meaningless.
        source_hash: SHA-256 of the one file, or of the hashes of many.
    """

    files: list[LandedFile]
    faults: list[Fault]
    rows: StagedTable | None = None
    source_hash: str = ""


@dataclass
class TableStaging:
    """The way of one table; `run` goes it.

    Attributes:
        folder: the task's own, on this machine.
    """

    use_case: UseCase
    table: str
    source: TableSource
    contract: Contract
    partition: str
    workspace: Workspace
    folder: Path
    _files: list[LandedFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        limits = self.use_case.source
        self._doubts = Doubts(self.table, self.contract)
        self._budget = Budget(
            limits.max_decompressed_bytes, limits.max_compression_ratio, limits.max_value_bytes
        )
        self._masking = Masking(self.contract, self.workspace.settings.privacy_key)
        self._conversion = Conversion(
            self._doubts,
            keep_text_times=isinstance(self.source, ParquetFiles),
            form=getattr(self.source, "timestamp_format", "iso8601"),
            zone=getattr(self.source, "timestamp_timezone", None),
        )
        self._writer = _Writer(self.folder / f"{self.table}.parquet", self._doubts)

    def run(self) -> Staged:
        """Read, convert, mask and write the rows; keep what landed in the raw store."""
        if isinstance(self.source, ParquetFiles | CsvFiles | JsonLinesFiles):
            copies = self._stage_files(self.source)
        else:
            copies = []
            self._stage_rows(self.source)
        rows = self._writer.close(self.contract.kept)
        faults = self._doubts.faults
        if not self._doubts.refusing:
            faults = faults + undeclared(rows, self.contract.kept, self.use_case.privacy)
        sound = not any(fault.severity == "refuse" for fault in faults)
        files = self._kept(copies, rows, clear=self._may_keep_clear(faults), whole=not self._doubts.refusing)
        hashes = [file.sha256 for file in files]
        source_hash = hashes[0] if len(hashes) == 1 else digest(hashes)
        return Staged(files, faults, rows if sound else None, source_hash)

    def _stage_files(self, source: FileSource) -> list[landed.LocalCopy]:
        store, limits = self.workspace.landing, self.use_case.source
        address = f"{store.url.rstrip('/')}/{landed.pattern_of(source, self.partition)}"
        if fault := landed.missing(self.table, source, self.partition, store):
            self._files.append(LandedFile(table=self.table, source=address))
            self._doubts.fault(fault.rule, fault.detail)
            return []
        keys = landed.matching(landed.pattern_of(source, self.partition), store)
        if len(keys) > limits.max_files:
            self._files.append(LandedFile(table=self.table, source=address))
            self._doubts.fault(
                "file", f"{address} has {len(keys)} files, more than source.max_files {limits.max_files}"
            )
            return []
        copies = []
        for copy in landed.copies(self.table, keys, store, self.folder, max_bytes=limits.max_file_bytes):
            if isinstance(copy, landed.LocalCopy):
                copies.append(copy)
                self._stage_file(source, copy, alone=len(keys) == 1)
            else:
                self._files.append(copy[0])
                self._doubts.fault(copy[1].rule, copy[1].detail)
        return copies

    def _stage_file(self, source: FileSource, copy: landed.LocalCopy, *, alone: bool) -> None:
        self._doubts.source = name = copy.file.source
        if copy.file.size == 0:
            self._doubts.fault("file", f"{name} is empty (0 bytes)")
            return
        try:
            for rows in self._read_file(source, copy.path):
                self._writer.write(self._masking(rows))
        except BatchUnreadable as error:
            said = str(error)
            self._doubts.fault("file", said if alone or name in said else f"{name}: {said}")

    def _read_file(self, source: FileSource, path: Path) -> Iterator[pa.RecordBatch]:
        most, conversion, budget = self.use_case.source.max_columns, self._conversion, self._budget
        if isinstance(source, CsvFiles):
            return read_csv(path, source, conversion, budget, max_columns=most)
        if isinstance(source, JsonLinesFiles):
            return read_json_lines(path, source, conversion, budget, max_columns=most)
        return read_parquet(path, conversion, budget, max_columns=most)

    def _stage_rows(self, source: SqlQuery | PythonFunction) -> None:
        most, conversion = self.use_case.source.max_columns, self._conversion
        settings = self.workspace.settings
        if isinstance(source, SqlQuery):
            self._doubts.source = f"connection {source.connection!r}"
            url = self.workspace.connections(source.connection)
            batches = read_sql(source, self.partition, url, conversion, max_columns=most)
        else:
            self._doubts.source = f"{self.use_case.name}/{source.function}"
            own = settings.use_cases_dir / self.use_case.name
            batches = read_function(source, self.partition, own, conversion, self._budget, max_columns=most)
        try:
            for rows in batches:
                self._budget.spend(rows.nbytes, self._doubts.source)
                self._writer.write(self._masking(rows))
        except BatchUnreadable as error:
            self._doubts.fault("query" if isinstance(source, SqlQuery) else "function", str(error))

    def _may_keep_clear(self, faults: list[Fault]) -> bool:
        """Tell whether the bytes as they landed may be kept: not when they hold what nobody may see."""
        refused = any(fault.rule.endswith(".personal") and fault.severity == "refuse" for fault in faults)
        return not masked_columns(self.contract) and not refused

    def _kept(
        self, copies: list[landed.LocalCopy], rows: StagedTable, *, clear: bool, whole: bool
    ) -> list[LandedFile]:
        """Put what landed into the raw store, under its hash: the files, or the rows as they were masked."""
        if not isinstance(self.source, ParquetFiles | CsvFiles | JsonLinesFiles):
            nothing = LandedFile(table=self.table, source=self._doubts.source)
            return [self._kept_rows(rows) if whole else nothing]
        if clear:
            kept = [
                copy.file.model_copy(update={"raw": self._put(copy.path, copy.file.sha256, copy.file.source)})
                for copy in copies
            ]
        else:
            masked = masked_columns(self.contract) and whole and copies
            raw = self._kept_rows(rows).raw if masked else ""
            kept = [copy.file.model_copy(update={"raw": raw}) for copy in copies]
        return [*self._files, *kept]

    def _kept_rows(self, rows: StagedTable) -> LandedFile:
        sha256 = digest_file(rows.path)
        raw = self._put(rows.path, sha256, rows.path.name)
        size = rows.path.stat().st_size
        return LandedFile(table=self.table, source=self._doubts.source, raw=raw, size=size, sha256=sha256)

    def _put(self, path: Path, sha256: str, name: str) -> str:
        suffixes = PurePosixPath(name).suffixes[-2:]
        suffix = "".join(suffixes if suffixes[-1:] == [".gz"] else suffixes[-1:])
        key = f"{self.use_case.name}/{self.table}/{sha256}{suffix}"
        self.workspace.raw.upload_if_absent(key, path)
        return self.workspace.raw.address(key)


class _Writer:
    """The staged file, opened by its first rows."""

    def __init__(self, path: Path, doubts: Doubts) -> None:
        self._path, self._doubts = path, doubts
        self._open: Any = None
        self._rows = 0

    def write(self, rows: pa.RecordBatch) -> None:
        if self._open is None:
            self._start(rows.schema)
        elif rows.schema != self._open.schema:
            for now, before in zip(rows.schema, self._open.schema, strict=True):
                if now != before:
                    detail = (
                        f"column {now.name!r} has type {now.type} in {self._doubts.source} and "
                        f"{before.type} in the files before it"
                    )
                    self._doubts.fault(f"{now.name}.type", detail)
            return
        self._open.write_batch(rows, row_group_size=ROW_GROUP)
        self._rows += len(rows)

    def close(self, contract: Contract) -> StagedTable:
        """End the file; one that got no rows has the contract's columns."""
        import pyarrow as pa

        if self._open is None:
            self._start(pa.schema([(name, arrow_type(one.type)) for name, one in contract.columns.items()]))
        self._open.close()
        return StagedTable(self._doubts.table, self._path, self._rows)

    def _start(self, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._open = pq.ParquetWriter(self._path, schema, compression="lz4")
