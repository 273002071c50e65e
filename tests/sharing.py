"""Folders that are costly to fill: made by the first who asks, shared by workers that run side by side."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def shared(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """Return a folder that all workers of this run of the tests share; only read it, or copy it.

    Args:
        factory: of the worker's temporary folders.
        name: of the folder, the same for all who share it.
        fill: makes the folder and all that is in it.
    """
    root = factory.getbasetemp()
    return filled_once(root.parent if "PYTEST_XDIST_WORKER" in os.environ else root, name, fill)


def filled_once(root: Path, name: str, fill: Callable[[Path], object]) -> Path:
    """Return a folder below a root, filled when it is asked for the first time by any process."""
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            # What a worker that was killed left half is begun anew.
            shutil.rmtree(folder, ignore_errors=True)
            fill(folder)
            done.touch()
    return folder
