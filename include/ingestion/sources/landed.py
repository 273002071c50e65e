"""Landed files: which belong to a partition, and a copy of each in the task's own folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path, PurePosixPath

from include.errors import NotFound
from include.hashing import digest_file
from include.ingestion.evidence import Fault, LandedFile
from include.storage import ObjectStore
from include.use_case_sections import FileSource

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class LocalCopy:
    """A landed file on this machine."""

    file: LandedFile
    path: Path


def pattern_of(source: FileSource, partition: str) -> str:
    """Return where the files of a partition are expected: a key, a folder (ends with `/`) or a pattern."""
    return source.path.replace("{partition}", partition)


def is_single(pattern: str) -> bool:
    """Tell whether the place names one file."""
    return not (pattern.endswith("/") or _WILD.search(pattern))


def matching(pattern: str, store: ObjectStore) -> list[str]:
    """Return the keys of the files that lie at a place, sorted.

    Files whose name starts with `_` or `.` are markers and notes of the writer, never data. A `*` does not
    reach into folders.
    """
    if is_single(pattern):
        return [pattern] if store.exists(pattern) else []
    wild = _WILD.search(pattern)
    prefix = pattern if wild is None else pattern[: wild.start()].rpartition("/")[0]
    prefix = prefix and f"{prefix.removesuffix('/')}/"
    wanted = pattern if wild else f"{pattern}*"
    parts = PurePosixPath(wanted).parts

    def fits(key: str) -> bool:
        names = PurePosixPath(key).parts
        return (
            len(names) == len(parts)
            and not names[-1].startswith(("_", "."))
            and all(re.match(translate(part), name) for part, name in zip(parts, names, strict=True))
        )

    return [key for key in store.list(prefix) if fits(key)]


def marker_of(source: FileSource, partition: str) -> str | None:
    """Return the key of the file that says that the writer has finished; None when none is declared."""
    if source.success_marker is None:
        return None
    folder = pattern_of(source, partition).rpartition("/")[0]
    name = source.success_marker.replace("{partition}", partition)
    return f"{folder}/{name}" if folder else name


def missing(table: str, source: FileSource, partition: str, store: ObjectStore) -> Fault | None:
    """Say what keeps the files of a partition from being read: none is there, or they are not finished."""
    pattern = pattern_of(source, partition)
    address = f"{store.url.rstrip('/')}/{pattern}"
    marker = marker_of(source, partition)
    if marker is not None and not store.exists(marker):
        detail = f"{store.address(marker)} is missing, so {address} is still written; wait for its writer"
        return Fault(table=table, rule="file", detail=detail)
    if not matching(pattern, store):
        what = "is missing" if is_single(pattern) else "matches no file"
        return Fault(table=table, rule="file", detail=f"{address} {what}; ask the upstream system for it")
    return None


def copies(
    table: str, keys: list[str], store: ObjectStore, folder: Path, *, max_bytes: int
) -> Iterator[LocalCopy | tuple[LandedFile, Fault]]:
    """Copy files one after another; a file that is empty, too large or gone comes with its fault instead.

    The hash is that of the copy, so it speaks of the rows that are read whatever happens to the original.
    """
    for number, key in enumerate(keys):
        address, path = store.address(key), folder / f"{table}-{number:05d}{PurePosixPath(key).suffix}"
        try:
            size = store.size(key)
            if size <= max_bytes:
                store.download(key, path)
        except NotFound:
            detail = f"{address} is missing; ask the upstream system for it"
            yield LandedFile(table=table, source=address), Fault(table=table, rule="file", detail=detail)
            continue
        if size > max_bytes:
            detail = (
                f"{address} has {size} bytes, more than source.max_file_bytes {max_bytes}; "
                "it stays where it landed"
            )
            file = LandedFile(table=table, source=address, size=size)
            yield file, Fault(table=table, rule="file", detail=detail)
            continue
        file = LandedFile(table=table, source=address, size=path.stat().st_size, sha256=digest_file(path))
        yield LocalCopy(file, path)
