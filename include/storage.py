"""Files as they landed, reports and artefacts: one small interface over a local folder and an S3 bucket.

Keys are relative POSIX paths. A key can never name anything outside its root. Tables do not live here: see
`include.lake`.
"""

from __future__ import annotations

import os
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from include.errors import ConfigurationError, NotFound, Outage

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

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
_CONFLICT_ATTEMPTS = 6
_CONFLICT, _TAKEN = 409, 412  # HTTP statuses of a conditional put


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
    def exists(self, key: str) -> bool:
        """Tell whether the key names a file."""

    @abstractmethod
    def size(self, key: str) -> int:
        """Return a file's size in bytes; `NotFound` when there is none."""

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
        return self._root / checked_key(key)

    def put(self, key: str, content: bytes) -> None:
        path = self._path(key)
        with _local_errors(self.address(key)), _staged(path, content) as staged:
            staged.replace(path)

    def put_if_absent(self, key: str, content: bytes) -> bool:
        path = self._path(key)
        with _local_errors(self.address(key)), _staged(path, content) as staged:
            try:
                os.link(staged, path)
            except FileExistsError:
                return False
        return True

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

    def list(self, prefix: str = "") -> list[str]:
        _checked_prefix(prefix)
        found = (path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())
        return sorted(key for key in found if key.startswith(prefix) and f"/{_STAGED}" not in f"/{key}")

    def delete(self, key: str) -> None:
        path = self._path(key)
        if path.is_file():
            with _local_errors(self.address(key)):
                path.unlink(missing_ok=True)


def _checked_prefix(prefix: str) -> str:
    """Return the beginning of a key unchanged: unlike a key, it may be empty and may end with a slash."""
    return prefix and checked_key(prefix.removesuffix("/")) and prefix


@contextmanager
def _staged(path: Path, content: bytes) -> Iterator[Path]:
    """Write a file beside its place, under a name that no list shows, and remove what is left of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f"{_STAGED}{secrets.token_hex(8)}")
    try:
        with staged.open("xb") as file:
            file.write(content)
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
        raise Outage(
            f"The file system failed at {address}: {error}. Check the disk and its rights"
        ) from error


class S3Store(ObjectStore):
    """A bucket, or a prefix in one.

    Credentials come from boto3's own chain, never from Airlock's settings.
    """

    def __init__(self, url: str, *, endpoint_url: str, region: str) -> None:
        super().__init__(url)
        parts = urlsplit(url)
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._endpoint_url = endpoint_url or None
        self._region = region

    @cached_property
    def _client(self) -> S3Client:
        from boto3.session import Session
        from botocore.config import Config

        # The default session would keep the credentials that it found first, and threads may not share it.
        return Session().client(
            "s3",
            endpoint_url=self._endpoint_url,
            region_name=self._region,
            config=Config(
                retries={"max_attempts": 4, "mode": "standard"}, connect_timeout=5, read_timeout=60
            ),
        )

    def _key(self, key: str) -> str:
        return f"{self._prefix}/{checked_key(key)}" if self._prefix else checked_key(key)

    def put(self, key: str, content: bytes) -> None:
        with _s3_errors(self.address(key)):
            self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=content)

    def put_if_absent(self, key: str, content: bytes) -> bool:
        with _s3_errors(self.address(key)):
            for attempt in range(_CONFLICT_ATTEMPTS):
                status = self._put_new(key, content, last=attempt == _CONFLICT_ATTEMPTS - 1)
                if status != _CONFLICT:
                    break
                time.sleep(0.05 * 2**attempt)
        return status != _TAKEN

    def _put_new(self, key: str, content: bytes, *, last: bool) -> int:
        """Ask once; return the HTTP status."""
        from botocore.exceptions import ClientError

        try:
            self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=content, IfNoneMatch="*")
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            # A conflict is another writer at the key in this moment. It may still fail: ask again.
            if status == _TAKEN or (status == _CONFLICT and not last):
                return status
            raise
        return 200

    def get(self, key: str) -> bytes:
        with _s3_errors(self.address(key)):
            return self._client.get_object(Bucket=self._bucket, Key=self._key(key))["Body"].read()

    def exists(self, key: str) -> bool:
        try:
            self.size(key)
        except NotFound:
            return False
        return True

    def size(self, key: str) -> int:
        with _s3_errors(self.address(key)):
            return self._client.head_object(Bucket=self._bucket, Key=self._key(key))["ContentLength"]

    def list(self, prefix: str = "") -> list[str]:
        # The slash keeps out the neighbours: `up` is also the beginning of `upstream`.
        root = f"{self._prefix}/" if self._prefix else ""
        full, skip = root + _checked_prefix(prefix), len(root)
        with _s3_errors(self.url):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=full)
            return sorted(item["Key"][skip:] for page in pages for item in page.get("Contents", []))

    def delete(self, key: str) -> None:
        with _s3_errors(self.address(key)):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))


@contextmanager
def _s3_errors(address: str) -> Iterator[None]:
    """Turn botocore's errors into Airlock's: absent keys into NotFound, everything else into Outage."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in {"NoSuchKey", "404", "NotFound"}:
            raise NotFound(f"There is no file {address}") from error
        raise Outage(f"S3 answered {code!r} for {address}: {error}") from error
    except BotoCoreError as error:
        raise Outage(f"S3 did not answer for {address}: {error}. Check AIRLOCK_S3_ENDPOINT_URL") from error


def is_s3(url: str) -> bool:
    """Tell whether a root lies on S3."""
    return url.startswith("s3://")


def open_store(url: str, settings: Settings) -> ObjectStore:
    """Open a root: a folder, `file://...` or `s3://bucket/prefix`.

    Raises:
        ConfigurationError: the address has another scheme.
    """
    if is_s3(url):
        return S3Store(url, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
    if "://" in url and not url.startswith("file://"):
        raise ConfigurationError(
            f"Root {url!r} is neither a folder nor s3://bucket/prefix; correct it in .env"
        )
    return LocalStore(url)
