"""Waiting for the files of a partition to be there and finished."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from include.ingestion.sources.waiting import Look


class LandedFilesTrigger(BaseTrigger):
    """Look at the landing folder until nothing is missing and no file grows, or until the patience ends.

    :param use_case: name of the use case.
    :param partition: key of the data date.
    :param settle_seconds: time between two looks.
    :param deadline: moment, in seconds since 1970, at which the waiting ends; a restart does not move it.
    """

    def __init__(self, *, use_case: str, partition: str, settle_seconds: float, deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.use_case = use_case
        self.partition = partition
        self.settle_seconds = settle_seconds
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {
            "use_case": self.use_case,
            "partition": self.partition,
            "settle_seconds": self.settle_seconds,
            "deadline": self.deadline,
        }
        return "airlock.triggers.landing.LandedFilesTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        before: Look | None = None
        while True:
            now, problem = await self._look()
            if now is not None and now.settled_since(before):
                yield _event(finished=True, missing=[])
                return
            before = now
            if time.time() >= self.deadline:
                missing = now.missing if now is not None else [problem]
                yield _event(finished=False, missing=missing or ["a file is still growing"])
                return
            await asyncio.sleep(self.settle_seconds)

    async def _look(self) -> tuple[Look | None, str]:
        """Look in a thread, so that the other triggers go on; a store that does not answer is asked again."""
        from include.errors import Outage
        from include.ingestion.sources.waiting import look
        from include.workspace import Workspace

        workspace = Workspace()
        try:
            return await asyncio.to_thread(
                look, workspace.use_case(self.use_case), self.partition, workspace
            ), ""
        except Outage as outage:
            self.log.warning("Looking again: %s", outage)
            return None, str(outage)


def _event(*, finished: bool, missing: list[str]) -> TriggerEvent:
    return TriggerEvent({"finished": finished, "missing": missing})  # type: ignore[no-untyped-call]
