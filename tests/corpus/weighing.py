"""How much memory it takes to judge broken batches."""

from __future__ import annotations

import gc
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.corpus.case import Case
from tests.corpus.desk import DAY, Desk, parquet, use_case
from tests.corpus.run import Outcome, all_cases, run


class Weighed:
    """Outcomes one after the other; then, by how many megabytes the process's peak has risen meanwhile."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._cases = list(cases)
        self.megabytes = 0.0

    def __iter__(self) -> Iterator[Outcome]:
        with tempfile.TemporaryDirectory() as folder:
            desk = Desk(Path(folder))
            desk.land({f"orders/{DAY}.parquet": parquet()})
            desk.ingest(use_case())
            cases = [case.made() for case in self._cases]
            _forget_peak()
            before = _megabytes("VmRSS")
            yield from run(desk, cases)
            self.megabytes = _megabytes("VmHWM") - before


def weigh_bombs(into: Path) -> None:
    """Judge what is small and becomes large, and write down what that took."""
    weighed = Weighed(case for case in all_cases() if case.bomb)
    outcomes = list(weighed)
    wrong = [f"{outcome.case.name}: {outcome.wrong}" for outcome in outcomes if outcome.wrong]
    into.write_text(
        json.dumps({"cases": len(outcomes), "wrong": wrong, "megabytes": weighed.megabytes}), encoding="utf-8"
    )


def _forget_peak() -> None:
    """Let Linux measure the peak from now on: making the bombs took memory too."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _megabytes(what: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(what))
