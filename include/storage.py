"""Files as they landed, reports and artefacts: one small interface over a local folder and an S3 bucket.

Keys are relative POSIX paths. A key can never name anything outside its root. Tables do not live here: see
`include.lake`.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from include.disks import full_disk
from include.errors import ConfigurationError, NotFound, Outage

if TYPE_CHECKING:
    from include.settings import Settings


def checked_key(key: str) -> str:
    """Return the key unchanged, or refuse one that could leave its root or spells another key differently.

    Raises:
        ConfigurationError: the key is empty or absolute, or holds `.`, `..`, `//`, a backslash or a NUL byte.

    >>> checked_key("flights/2013-01-07.parquet")
    'flights/2013-01-07.parquet'
    """
    path = PurePosixPath(key)
    plain = path.as_posix() == key and ".." not in path.parts and path.parts
    if not plain or path.is_absolute() or "\\" in key or "\0" in key:
        raise ConfigurationError(
            f"Path {key!r} could leave its root folder; use a relative path of plain names, "
            "such as flights/x.parquet"
        )
    return key


_STAGED = ".staged-"
_ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
_BLOCK = 1 << 20


class ObjectStore(ABC):
    """A root under which files are put and read by key."""

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    def put(self, key: str, content: bytes) -> None:
        """Write a file in one step; a reader sees the old content or the new, never a part."""

    @abstractmethod
    def put_if_absent(self, key: str, content: bytes) -> bool:
        """Write a file unless the key is taken; return whether it was written. Never overwrites."""

    @abstractmethod
    def get(self, key: str) -> bytes:
        """Return a file's content; `NotFound` when there is none."""

    @abstractmethod
    def download(self, key: str, path: Path) -> None:
        """Copy a file to a path of this machine, in blocks; `NotFound` when there is none."""

    @abstractmethod
    def upload_if_absent(self, key: str, path: Path) -> bool:
        """Like `put_if_absent`, from a file of this machine, in blocks."""

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Tell whether the key names a file."""

    @abstractmethod
    def size(self, key: str) -> int:
        """Return a file's size in bytes; `NotFound` when there is none."""

    @abstractmethod
    def modified(self, key: str) -> datetime:
        """Return when a file was put where it is, by the store's clock; `NotFound` when there is none."""

    @abstractmethod
    def list(self, prefix: str = "") -> list[str]:
        """Return the keys that start with a prefix, sorted."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove a file; a key that names none is left as it is."""

    def address(self, key: str) -> str:
        """Return the full address of a key, for people to read."""
        return f"{self.url.rstrip('/')}/{checked_key(key)}"


class LocalStore(ObjectStore):
    """A folder of this machine."""

    @cached_property
    def _root(self) -> Path:
        return Path(self.url.removeprefix("file://"))

    def _path(self, key: str) -> Path:
        path = self._root / checked_key(key)
        # Whoever may put files into the landing folder must not lead readers to other files of the machine.
        if not path.resolve().is_relative_to(self._root.resolve()):
            raise ConfigurationError(
                f"{self.address(key)} is a link that leads out of its root folder; put the file itself there"
            )
        return path

    def put(self, key: str, content: bytes) -> None:
        path = self._path(key)
        with _local_errors(self.address(key)), _staged(path, io.BytesIO(content)) as staged:
            staged.replace(path)

    def put_if_absent(self, key: str, content: bytes) -> bool:
        return self._link_if_absent(key, io.BytesIO(content))

    def upload_if_absent(self, key: str, path: Path) -> bool:
        with path.open("rb") as content:
            return self._link_if_absent(key, content)

    def _link_if_absent(self, key: str, content: BinaryIO) -> bool:
        path = self._path(key)
        with _local_errors(self.address(key)), _staged(path, content) as staged:
            try:
                os.link(staged, path)
            except FileExistsError:
                return False
        return True

    def download(self, key: str, path: Path) -> None:
        with (
            _local_errors(self.address(key), absent=_ABSENT),
            self._path(key).open("rb") as content,
            path.open("xb") as file,
        ):
            shutil.copyfileobj(content, file, _BLOCK)

    def get(self, key: str) -> bytes:
        with _local_errors(self.address(key), absent=_ABSENT):
            return self._path(key).read_bytes()

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def size(self, key: str) -> int:
        with _local_errors(self.address(key), absent=_ABSENT):
            if self._path(key).is_dir():
                raise IsADirectoryError
            return self._path(key).stat().st_size

    def modified(self, key: str) -> datetime:
        with _local_errors(self.address(key), absent=_ABSENT):
            return datetime.fromtimestamp(self._path(key).stat().st_mtime, UTC)

    def list(self, prefix: str = "") -> list[str]:
        checked_prefix(prefix)
        folder = self._root / prefix.rpartition("/")[0]
        found = (path.relative_to(self._root).as_posix() for path in folder.rglob("*") if path.is_file())
        return sorted(key for key in found if key.startswith(prefix) and f"/{_STAGED}" not in f"/{key}")

    def delete(self, key: str) -> None:
        path = self._path(key)
        if path.is_file():
            with _local_errors(self.address(key)):
                path.unlink(missing_ok=True)


def checked_prefix(prefix: str) -> str:
    """Return the beginning of a key unchanged: unlike a key, it may be empty and may end with a slash."""
    return prefix and checked_key(prefix.removesuffix("/")) and prefix


@contextmanager
def _staged(path: Path, content: BinaryIO) -> Iterator[Path]:
    """Write a file beside its place, under a name that no list shows, and remove what is left of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f"{_STAGED}{secrets.token_hex(8)}")
    try:
        with staged.open("xb") as file:
            shutil.copyfileobj(content, file, _BLOCK)
            file.flush()
            os.fsync(file.fileno())
        yield staged
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def _local_errors(address: str, *, absent: tuple[type[OSError], ...] = ()) -> Iterator[None]:
    """Turn the file system's errors into Airlock's: those that mean an absent file into NotFound."""
    try:
        yield
    except absent as error:
        raise NotFound(f"There is no file {address}") from error
    except OSError as error:
        raise full_disk(address, error) or Outage(
            f"The file system failed at {address}: {error}. Check the disk and its rights"
        ) from error


def is_s3(url: str) -> bool:
    """Tell whether a root lies on S3."""
    return url.startswith("s3://")


def open_store(url: str, settings: Settings) -> ObjectStore:
    """Open a root: a folder, `file://...` or `s3://bucket/prefix`.

    Raises:
        ConfigurationError: the address has another scheme.
    """
    if is_s3(url):
        from include.storage_s3 import S3Store

        return S3Store(url, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
    if "://" in url and not url.startswith("file://"):
        raise ConfigurationError(
            f"Root {url!r} is neither a folder nor s3://bucket/prefix; correct it in .env"
        )
    return LocalStore(url)
