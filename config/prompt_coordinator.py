"""How a worker starts and watches one task: Airflow's own way, without its two delays.

Airflow 3.3 waits for messages of a task process and looks after each whether the process has ended. When its
last socket closes a moment before the process is gone, no message is left to come: the worker, and its slot,
sleep until the next heartbeat is due, 5 s later. That happened to every other task. It also sends a first
heartbeat right after the request that reported the start.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import psutil  # type: ignore[import-untyped]
from airflow.sdk.execution_time.coordinator import BaseCoordinator
from airflow.sdk.execution_time.supervisor import ActivitySubprocess
from airflow.sdk.listener import get_listener_manager
from airflow.sdk.plugins_manager import integrate_macros_plugins


class PromptSubprocess(ActivitySubprocess):
    """A task process whose end is noticed at once."""

    def _service_subprocess(
        self, max_wait_time: float, raise_on_timeout: bool = False, expect_signal: int | None = None
    ) -> int | None:
        if self._exit_code is None and not self._open_sockets:
            with suppress(psutil.TimeoutExpired):
                self._process.wait(timeout=max_wait_time)
            return self._check_subprocess_exit(raise_on_timeout=raise_on_timeout, expect_signal=expect_signal)
        exit_code: int | None = super()._service_subprocess(max_wait_time, raise_on_timeout, expect_signal)
        return exit_code


class PromptCoordinator(BaseCoordinator):
    """Runs Python tasks; named in `[sdk] coordinators`. A worker makes one when its first task arrives."""

    def __init__(self) -> None:
        # Each task would load the plugins again; a forked one finds its worker's.
        get_listener_manager()
        integrate_macros_plugins()

    def execute_task(self, **task: Any) -> BaseCoordinator.ExecutionResult:
        process = PromptSubprocess.start(**task)
        process._last_heartbeat_attempt = time.monotonic()
        exit_code = process.wait()
        return self.ExecutionResult(exit_code, process.final_state)
