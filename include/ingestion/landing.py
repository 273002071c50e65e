"""Taking over what an upstream system has put into the landing folder."""

from __future__ import annotations

from pathlib import PurePosixPath

from include.errors import NotFound
from include.hashing import digest_bytes
from include.ingestion.evidence import BATCH, Fault, LandedFile
from include.use_case import UseCase
from include.workspace import Workspace


def source_paths(use_case: UseCase, partition: str) -> dict[str, str]:
    """Return where the files of a partition are expected: the batch itself and every side table."""
    templates = {BATCH: use_case.source.path}
    templates |= {name: table.path for name, table in use_case.source.side_tables.items()}
    return {table: path.replace("{partition}", partition) for table, path in templates.items()}


def take_over(
    use_case: UseCase, table: str, path: str, workspace: Workspace
) -> tuple[LandedFile, bytes, Fault | None]:
    """Copy a landed file into the raw store, under its hash, and return it with its content.

    A file that is missing, empty or too large is a fault. An empty one is kept as well, for a person to see;
    one that is too large stays where it landed.
    """
    source = workspace.landing.address(path)
    limit = use_case.source.max_file_bytes
    try:
        size = workspace.landing.size(path)
        content = workspace.landing.get(path) if size <= limit else b""
    except NotFound:
        fault = Fault(table=table, rule="file", detail=f"{source} is missing; ask the upstream system for it")
        return LandedFile(table=table, source=source), b"", fault
    if size > limit:
        detail = (
            f"{source} has {size} bytes, more than source.max_file_bytes {limit}; it stays where it landed"
        )
        fault = Fault(table=table, rule="file", detail=detail)
        return LandedFile(table=table, source=source, size=size), b"", fault
    sha256 = digest_bytes(content)
    key = f"{use_case.name}/{table}/{sha256}{PurePosixPath(path).suffix}"
    workspace.raw.put_if_absent(key, content)
    file = LandedFile(
        table=table, source=source, raw=workspace.raw.address(key), size=len(content), sha256=sha256
    )
    if content:
        return file, content, None
    return file, content, Fault(table=table, rule="file", detail=f"{source} is empty (0 bytes)")
