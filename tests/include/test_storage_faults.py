"""Files in a real S3 bucket, with a fault between it and its reader or writer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.errors import Outage
from include.settings import Settings
from include.storage import ObjectStore, open_store
from tests.chaos.proxy import EVER, Plan, Proxy, proxy
from tests.servers import S3Server

pytestmark = pytest.mark.servers
_LOST = "lost answer to If-None-Match"
_CONTENT = bytes(range(256)) * 5_000


@pytest.fixture(scope="module")
def between(s3_server: S3Server) -> Iterator[Proxy]:
    with proxy(s3_server.endpoint_url) as running:
        yield running


@pytest.fixture
def store(between: Proxy, s3_bucket: str, settings: Settings) -> ObjectStore:
    between.plan()
    return open_store(s3_bucket, settings.model_copy(update={"s3_endpoint_url": between.url}))


@pytest.mark.parametrize("content", [b"", b"first", _CONTENT])
def test_what_was_written_although_the_answer_was_lost_counts_as_written(
    between: Proxy, store: ObjectStore, content: bytes
) -> None:
    between.plan(Plan(_LOST))
    assert store.put_if_absent("key", content) is True
    assert between.plan().struck
    assert store.get("key") == content


def test_a_file_that_was_written_although_the_answer_was_lost_counts_as_written(
    between: Proxy, store: ObjectStore, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(_CONTENT)
    between.plan(Plan(_LOST))
    assert store.upload_if_absent("key", file) is True
    assert between.plan().struck
    assert store.get("key") == _CONTENT


@pytest.mark.parametrize("other", [b"", b"firs", b"first and more", b"other"])
def test_a_key_that_another_took_is_told_also_where_the_answer_was_lost(
    between: Proxy, store: ObjectStore, other: bytes
) -> None:
    store.put("key", other)
    between.plan(Plan(_LOST))
    assert store.put_if_absent("key", b"first") is False
    assert between.plan().struck
    assert store.get("key") == other


def test_of_an_upload_that_was_cut_off_nothing_remains(between: Proxy, store: ObjectStore) -> None:
    between.plan(Plan("cut upload", times=EVER))
    with pytest.raises(Outage, match="S3 did not answer"):
        store.put_if_absent("key", _CONTENT)
    between.plan()
    assert store.list() == []
    assert store.put_if_absent("key", _CONTENT) is True


def test_an_answer_that_is_cut_off_is_no_content(between: Proxy, store: ObjectStore, tmp_path: Path) -> None:
    store.put("key", _CONTENT)
    between.plan(Plan("half answer"))
    store.download("key", tmp_path / "copy")
    assert between.plan().struck
    assert (tmp_path / "copy").read_bytes() == _CONTENT
    between.plan(Plan("half answer", times=EVER))
    with pytest.raises(Outage, match="S3 did not answer"):
        store.get("key")
    with pytest.raises(Outage, match=r"S3 did not answer for .*: 640000 read, .*1280000"):
        store.download("key", tmp_path / "other copy")
