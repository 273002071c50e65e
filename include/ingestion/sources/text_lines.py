"""Lines of a text file, plain or gzip, in bounded memory: whatever the file claims or hides."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from include.errors import BatchUnreadable
from include.ingestion.sources.doubts import Doubts

_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 16
# Below it a ratio says nothing: a few repeated lines compress a thousandfold.
_RATIO_FROM = 10_000_000
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass
class Budget:
    """How much may still be read of one table.

    Attributes:
        decompressed: bytes of all its files together.
        ratio: bytes that a byte of a gzip file may become.
        value: bytes of one text, and of a tenth of a line.
    """

    decompressed: int
    ratio: int
    value: int

    def spend(self, count: int, source: str) -> None:
        self.decompressed -= count
        if self.decompressed < 0:
            raise BatchUnreadable(
                f"{source} goes beyond source.max_decompressed_bytes; raise the limit if this is no bomb"
            )


class _Checked(io.RawIOBase):
    """The bytes of a file as they are read, counted against the budget."""

    def __init__(self, file: BinaryIO, size: int, source: str, budget: Budget) -> None:
        self._file, self._size, self._source, self._budget = file, size, source, budget
        self._out = self._ends = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            block = self._file.read(len(buffer))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise BatchUnreadable(f"{self._source} is a damaged gzip file: {error}") from error
        buffer[: len(block)] = block
        self._out += len(block)
        self._ends = 0 if block.strip(b"\r\n") else self._ends + len(block)
        if self._ends > _BLOCK:
            raise BatchUnreadable(f"{self._source} holds {self._ends} line ends in a row; no table does")
        self._budget.spend(len(block), self._source)
        if self._out > max(self._size * self._budget.ratio, _RATIO_FROM):
            raise BatchUnreadable(
                f"{self._source} has {self._size} bytes and unpacks to more than {self._out}: a ratio above "
                f"source.max_compression_ratio {self._budget.ratio}; raise the limit if this is no bomb"
            )
        return len(block)


def lines(
    path: Path, *, encoding: str, compression: str, budget: Budget, doubts: Doubts
) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line, its end included.

    Raises:
        BatchUnreadable: the file is not of the declared compression or encoding, holds a NUL, or a line or
            the whole is longer than the budget; the message names the line.
    """
    with path.open("rb") as plain:
        _check_start(plain.read(4), compression, encoding, doubts.source)
        plain.seek(0)
        file = gzip.GzipFile(fileobj=plain, mode="rb") if compression == "gzip" else plain
        raw = io.BufferedReader(_Checked(file, path.stat().st_size, doubts.source, budget), _BLOCK)  # type: ignore[arg-type]
        # A byte order mark is no text. In UTF-8 it says nothing new.
        name = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        with io.TextIOWrapper(raw, encoding=name, newline="") as text:
            yield from _numbered(text, path, compression, budget, doubts)


def _numbered(
    text: io.TextIOWrapper, path: Path, compression: str, budget: Budget, doubts: Doubts
) -> Iterator[tuple[int, str]]:
    longest = 10 * budget.value
    number = 0
    while True:
        try:
            line = text.readline(longest)
        except UnicodeError as error:
            encoding = text.encoding.removesuffix("-sig")
            place = _undecodable(path, compression, encoding, number)
            raise BatchUnreadable(
                f"{doubts.source} is not {encoding} in line {place}: {error}; declare its encoding"
            ) from error
        if not line:
            break
        number += 1
        if "\0" in line:
            raise BatchUnreadable(f"{doubts.source} holds a NUL byte in line {number}; no text does")
        if len(line) >= longest:
            raise BatchUnreadable(
                f"line {number} of {doubts.source} is longer than {longest} signs, ten times "
                "source.max_value_bytes"
            )
        yield number, line
    if isinstance(text.newlines, tuple):
        ends = ", ".join(repr(end) for end in text.newlines)
        doubts.fault("line_ends", f"{doubts.source} mixes the line ends {ends}", "warn")


def _check_start(start: bytes, compression: str, encoding: str, source: str) -> None:
    zipped = start.startswith(_GZIP)
    if compression == "gzip" and not zipped:
        raise BatchUnreadable(f"{source} is no gzip file as declared: it starts with {start!r}")
    if compression == "none" and zipped:
        raise BatchUnreadable(f"{source} is a gzip file; declare compression: gzip")
    for mark, name in _MARKS.items():
        if start.startswith(mark):
            if not codecs.lookup(encoding).name.startswith(codecs.lookup(name).name):
                raise BatchUnreadable(
                    f"{source} starts with the byte order mark of {name}, declared is {encoding}"
                )
            return


def _undecodable(path: Path, compression: str, encoding: str, read: int) -> int:
    """Return the number of the line that cannot be decoded; some lines before it may not have been read."""
    decoder, ends = codecs.getincrementaldecoder(encoding)(), 0
    with gzip.open(path, "rb") if compression == "gzip" else path.open("rb") as file:
        while block := file.read(_BLOCK):
            for piece in block.splitlines(keepends=True):
                try:
                    ends += decoder.decode(piece).count("\n")
                except UnicodeError:
                    return max(ends, read) + 1
    return read + 1
