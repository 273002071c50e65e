"""Files in an S3 bucket: see `include.storage` for the interface."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from include.errors import NotFound, Outage
from include.storage import ObjectStore, checked_key, checked_prefix

if TYPE_CHECKING:
    from botocore.loaders import Loader
    from mypy_boto3_s3.client import S3Client

_BLOCK = 1 << 20
_CONFLICT_ATTEMPTS = 6
_CONFLICT, _TAKEN = 409, 412  # HTTP statuses of a conditional put
_ABSENT = 404


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
        from botocore.session import get_session

        # The default session would keep the credentials that it found first, and threads may not share it.
        session = get_session()
        session.register_component("data_loader", descriptions())
        return Session(botocore_session=session).client(
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
        return self._put_if_absent(key, io.BytesIO(content))

    def _put_if_absent(self, key: str, content: BinaryIO) -> bool:
        with _s3_errors(self.address(key)):
            for attempt in range(_CONFLICT_ATTEMPTS):
                status, repeated = self._put_new(key, content, last=attempt == _CONFLICT_ATTEMPTS - 1)
                if status != _CONFLICT:
                    break
                time.sleep(0.05 * 2**attempt)
            # The answer to an attempt before may have been lost after its content was written.
            return status != _TAKEN or (repeated and self._holds(key, content))

    def upload_if_absent(self, key: str, path: Path) -> bool:
        with path.open("rb") as content:
            return self._put_if_absent(key, content)

    def download(self, key: str, path: Path) -> None:
        with _s3_errors(self.address(key)), self._absence_confirmed(key), path.open("xb") as file:
            self._client.download_fileobj(self._bucket, self._key(key), file)

    def _put_new(self, key: str, content: BinaryIO, *, last: bool) -> tuple[int, bool]:
        """Ask once; return the HTTP status, and whether boto3 had sent the request before."""
        from botocore.exceptions import ClientError

        content.seek(0)
        try:
            self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=content, IfNoneMatch="*")
        except ClientError as error:
            answer = error.response["ResponseMetadata"]
            status = answer["HTTPStatusCode"]
            # A conflict is another writer at the key in this moment. It may still fail: ask again.
            if status == _TAKEN or (status == _CONFLICT and not last):
                return status, answer.get("RetryAttempts", 0) > 0
            raise
        return 200, False

    def _holds(self, key: str, content: BinaryIO) -> bool:
        """Tell whether a key has exactly this content."""
        content.seek(0)
        stored = self._client.get_object(Bucket=self._bucket, Key=self._key(key))["Body"]
        return all(block == content.read(len(block)) for block in stored.iter_chunks(_BLOCK)) and (
            not content.read(1)
        )

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
        with _s3_errors(self.address(key)), self._absence_confirmed(key):
            return self._client.head_object(Bucket=self._bucket, Key=self._key(key))["ContentLength"]

    def modified(self, key: str) -> datetime:
        with _s3_errors(self.address(key)), self._absence_confirmed(key):
            return self._client.head_object(Bucket=self._bucket, Key=self._key(key))["LastModified"]

    @contextmanager
    def _absence_confirmed(self, key: str) -> Iterator[None]:
        """Ask with GET, too, where HEAD found nothing: its answers give no reason.

        A proxy says 404 as well, while the server behind it is being started.
        """
        from botocore.exceptions import ClientError

        try:
            yield
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == _ABSENT:
                self._client.get_object(Bucket=self._bucket, Key=self._key(key))["Body"].close()
            raise

    def list(self, prefix: str = "") -> list[str]:
        # The slash keeps out the neighbours: `up` is also the beginning of `upstream`.
        root = f"{self._prefix}/" if self._prefix else ""
        full, skip = root + checked_prefix(prefix), len(root)
        with _s3_errors(self.url):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=full)
            return sorted(item["Key"][skip:] for page in pages for item in page.get("Contents", []))

    def delete(self, key: str) -> None:
        with _s3_errors(self.address(key)):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))


@lru_cache(maxsize=1)
def descriptions() -> Loader:
    """Return what reads boto3's descriptions of S3, and keeps them: parsing them costs 0.1 s each time."""
    from botocore.loaders import create_loader

    return create_loader()


def read_descriptions() -> None:
    """Read them now, in the process that tasks are forked from. Nothing is connected to."""
    from boto3.session import Session
    from botocore.session import get_session

    session = get_session()
    session.register_component("data_loader", descriptions())
    unused = {"aws_access_key_id": "unused", "aws_secret_access_key": "unused", "region_name": "us-east-1"}
    Session(botocore_session=session, **unused).client("s3").close()


@contextmanager
def _s3_errors(address: str) -> Iterator[None]:
    """Turn boto3's errors into Airlock's: absent keys into NotFound, everything else into Outage."""
    from botocore.exceptions import BotoCoreError, ClientError
    from s3transfer.exceptions import RetriesExceededError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchKey":
            raise NotFound(f"There is no file {address}") from error
        raise Outage(f"S3 answered {code!r} for {address}: {error}") from error
    except (BotoCoreError, RetriesExceededError) as error:
        cause = str(getattr(error, "last_exception", error)).rstrip(".")
        raise Outage(f"S3 did not answer for {address}: {cause}. Check AIRLOCK_S3_ENDPOINT_URL") from error
