"""What the Delta library and its stores say when they fail, as errors of Airlock's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from include.disks import full_disk
from include.errors import ArtefactCorrupted, Outage


@contextmanager
def outages(root: str) -> Iterator[None]:
    """Turn what fails inside into `Outage` or `ArtefactCorrupted`."""
    import pyarrow as pa
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError) as error:
        raise outage(root, error) from error
    except pa.ArrowInvalid as error:
        raise ArtefactCorrupted(
            f"A file of the lake at {root} cannot be read: {_in_one_line(error)} Restore it from a backup"
        ) from error


def outage(root: str, error: Exception) -> Outage:
    """Say that the lake does not answer."""
    return full_disk(root, error) or Outage(
        f"The lake at {root} does not answer: {_in_one_line(error)}. Check AIRLOCK_LAKE_URL and the store"
    )


def _in_one_line(error: Exception) -> str:
    """Return a message of the Delta library without its colours, arrows and frames of the stack."""
    text = re.sub(r"\x1b\[[0-9;]*m|↳|\d+: <unknown>|(?s:<\?xml.*)", " ", str(error))
    return " ".join(text.split())[:400]
