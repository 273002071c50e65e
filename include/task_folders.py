"""Folders for the copies that a task works on, gone with the work even where the task was killed.

A killed process cannot tidy up, and what it copied are rows of people. So each folder is locked for as long
as its process lives: the system itself gives the lock back when the process is gone, and whoever makes the
next folder removes those that nobody holds. Process numbers would not do: two containers that share a folder
know each other by none.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from include.disks import room

_PREFIX = "airlock-"
_LOCK, _LOCK_DRAFT, _WORK = "lock", "lock.draft", "work"

logger = logging.getLogger(__name__)


@contextmanager
def task_folder() -> Iterator[Path]:
    """Make a folder that is gone with its work, and remove those of tasks that were killed.

    Raises:
        DiskFull: there is no room for what the work puts into it.
    """
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    # The lock is given back after the folder is gone: nobody else begins to remove it meanwhile.
    with room(parent), ExitStack() as held, tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        folder = Path(name)
        lock = held.enter_context((folder / _LOCK_DRAFT).open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            # Some network file systems know no locks. Without one, nobody removes the folder for us.
            logger.warning("%s cannot be locked (%s): if this task is killed, remove it", folder, error)
        else:
            # Held before it has its name: nobody ever finds a lock that is only about to be taken.
            (folder / _LOCK_DRAFT).rename(folder / _LOCK)
        (folder / _WORK).mkdir()
        yield folder / _WORK


def _remove_abandoned(parent: Path) -> None:
    for lock in parent.glob(f"{_PREFIX}*/{_LOCK}"):
        folder = lock.parent
        try:
            # Of other users, and of those who put a link where a folder is expected, nothing is touched.
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            # Not made anew where its task removes it at this moment: that folder could not be removed.
            with lock.open("r+") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        except BlockingIOError:
            continue  # its task is at work
        except FileNotFoundError:
            continue  # its task has ended, or another one removed it
        except OSError:
            # No reason not to do today's work; who looks after the machine is told.
            logger.warning("%s, which a killed task has left, could not be removed", folder, exc_info=True)
        else:
            logger.info("Removed %s, which a killed task has left", folder)
