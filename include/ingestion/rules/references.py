"""Files that rules refer to and that are not by the day, such as a list of airports."""

from __future__ import annotations

import secrets
from pathlib import Path, PurePosixPath

from include.errors import NotFound
from include.hashing import digest_bytes
from include.ingestion.evidence import BATCH, Fault, LandedFile
from include.use_case import UseCase
from include.workspace import Workspace


def reference_files(
    use_case: UseCase, workspace: Workspace, folder: Path
) -> tuple[dict[str, Path], list[LandedFile]]:
    """Copy every file that a rule refers to into the task's folder, and into the raw store under its hash.

    One that is missing is left out; the rule then breaks for every row, with the name of what is not there.
    """
    contracts = [use_case.contract, *(side.contract for side in use_case.source.side_tables.values())]
    names = sorted({rule.file for contract in contracts for rule in contract.references if rule.file})
    paths: dict[str, Path] = {}
    files: list[LandedFile] = []
    for name in names:
        source = workspace.landing.address(name)
        try:
            content = workspace.landing.get(name)
        except NotFound:
            files.append(LandedFile(table=name, source=source))
            continue
        sha256 = digest_bytes(content)
        key = f"{use_case.name}/references/{sha256}{PurePosixPath(name).suffix}"
        workspace.raw.put_if_absent(key, content)
        paths[name] = folder / f"reference-{secrets.token_hex(8)}.parquet"
        paths[name].write_bytes(content)
        raw = workspace.raw.address(key)
        files.append(LandedFile(table=name, source=source, raw=raw, size=len(content), sha256=sha256))
    return paths, files


def missing_references(files: list[LandedFile]) -> list[Fault]:
    """Return a fault for every file that rules refer to and that is not there."""
    return [
        Fault(
            table=BATCH, rule="file", detail=f"{file.source} is missing, and rules refer to it; put it there"
        )
        for file in files
        if not file.raw
    ]
