"""What the file system, SQLite and the libraries say when a disk has no room left, as one error."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from include.errors import DiskFull

# EFBIG: this user's limit of the size of a file, which ends a write in the same way.
_CODES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SAID = ("No space left on device", "disk is full", "Disk quota exceeded", "File too large")


def full_disk(place: str, error: BaseException) -> DiskFull | None:
    """Return the error to raise instead where another, or what it came from, means a full disk.

    Args:
        place: address of what was written to, without a password.
        error: what was raised.
    """
    cause: BaseException | None = error
    while cause is not None:
        text = str(getattr(cause, "orig", cause))
        if getattr(cause, "errno", None) in _CODES or any(said in text for said in _SAID):
            said = " ".join(text.split())[:300]
            return DiskFull(
                f"The disk of {place} is full, or a limit of this user is reached: {said}. Nothing that was "
                "half written counts; make room there and run it again"
            )
        cause = cause.__cause__ or cause.__context__
    return None


@contextmanager
def room(place: str | Path) -> Iterator[None]:
    """Turn an error that means a full disk into `DiskFull`; all others pass as they are."""
    try:
        yield
    except OSError as error:
        if (full := full_disk(str(place), error)) is None:
            raise
        raise full from error
