"""A disk without room is told as such, however it is said, and nothing else is."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from deltalake.exceptions import DeltaError
from mlflow.exceptions import MlflowException

from include.disks import full_disk, room
from include.errors import DiskFull, Outage
from include.lake_outages import outages
from include.ledger import Ledger
from include.mlflow_outages import mlflow_outages
from include.storage import LocalStore
from include.task_folders import task_folder
from tests.include.test_ledger import decision

SAID = [
    OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/file"),
    OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
    OSError(errno.EFBIG, os.strerror(errno.EFBIG)),
    OSError(
        "Generic LocalFileSystem error: Unable to copy data to file: No space left on device (os error 28)"
    ),
    sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full")),
    DeltaError("Failed to commit: Generic error: No space left on device (os error 28)"),
]


@pytest.mark.parametrize("error", SAID, ids=lambda error: type(error).__name__)
def test_a_full_disk_is_told_however_it_is_said(error: Exception) -> None:
    found = full_disk("/a/place", error)
    assert isinstance(found, DiskFull)
    assert str(found).startswith("The disk of /a/place is full")
    assert str(found).endswith("make room there and run it again")
    wrapped = MlflowException("Failed")
    wrapped.__cause__ = error
    assert isinstance(full_disk("/a/place", wrapped), DiskFull)


def test_other_errors_are_none() -> None:
    assert full_disk("/a/place", PermissionError(errno.EACCES, "Permission denied")) is None
    assert full_disk("/a/place", sa.exc.OperationalError("x", {}, sqlite3.OperationalError("locked"))) is None
    with pytest.raises(PermissionError), room("/a/place"):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_each_store_tells_of_a_full_disk() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for place in (outages("/lake"), mlflow_outages("sqlite:////mlflow.db"), room("/cache"), task_folder()):
        with pytest.raises(DiskFull, match=r"The disk of .* is full"), place:
            raise full


def test_a_full_disk_shows_no_login() -> None:
    with pytest.raises(DiskFull) as caught, mlflow_outages("http://ada:secret@host"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "secret" not in str(caught.value)
    with pytest.raises(FileNotFoundError), mlflow_outages("http://host"):
        raise FileNotFoundError
    with pytest.raises(Outage, match="does not answer"), mlflow_outages("http://host"):
        raise ConnectionRefusedError


@pytest.fixture
def limited() -> Iterator[None]:
    """No file of this process may be longer than a KiB."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_may_not_grow_leaves_nothing_behind(limited: None, tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    store.put("key", b"before")
    with pytest.raises(DiskFull, match="File too large"):
        store.put("key", b"x" * 2000)
    assert (store.get("key"), [path.name for path in tmp_path.iterdir()]) == (b"before", ["key"])


def test_a_ledger_that_may_not_grow_is_an_outage_and_stays_whole(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.append(decision(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "ledger.db").stat().st_size, before[1]))
    try:
        with pytest.raises(Outage):
            _append_many(ledger)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    count, _ = ledger.verify()
    assert count == len(ledger.find()) < 399


def _append_many(ledger: Ledger) -> None:
    for number in range(2, 400):
        ledger.append(decision(number, partition=None))
