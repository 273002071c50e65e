"""Peak memory of some processes together, pages that they share counted once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Self

import psutil  # type: ignore[import-untyped]

_INTERVAL_SECONDS = 3.0


class PeakMemory:
    """Samples the proportional set size of processes while a `with` block runs.

    Attributes:
        peak: bytes; 0 where the system does not tell (it does on Linux).
    """

    def __init__(self, processes: Callable[[], Iterable[psutil.Process]]) -> None:
        self.peak = 0
        self._processes = processes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            self.peak = max(self.peak, sum(_proportional(process) for process in self._processes()))


def _proportional(process: psutil.Process) -> int:
    with suppress(psutil.Error, AttributeError, ProcessLookupError):
        return int(process.memory_full_info().pss)
    return 0
