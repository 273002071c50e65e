"""`python -m tests.corpus`: the table of all broken batches; `--bombs` only those whose memory is watched."""

from __future__ import annotations

import gc
import json
import sys
import tempfile
from pathlib import Path

from tests.corpus.desk import DAY, Desk, parquet, use_case
from tests.corpus.run import all_cases, run


def main(arguments: list[str]) -> int:
    """Print one line a case and return how many are wrong; with `--bombs` print JSON."""
    bombs = "--bombs" in arguments
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        desk.land({f"orders/{DAY}.parquet": parquet()})
        desk.ingest(use_case())
        cases = [case.made() for case in all_cases() if case.bomb or not bombs]
        _forget_peak()
        before = _megabytes("VmRSS")
        wrong = 0
        for outcome in run(desk, cases):
            wrong += bool(outcome.wrong)
            if not bombs:
                said = outcome.wrong or (outcome.answer.reasons or [outcome.answer.message])[0]
                mark = "WRONG" if outcome.wrong else "ok"
                _say(f"{mark:5}  {outcome.case.verdict:6}  {outcome.case.name:60.60}  {said!r:.110}")
        grown = _megabytes("VmHWM") - before
    if bombs:
        _say(json.dumps({"cases": len(cases), "wrong": wrong, "megabytes": grown}))
    else:
        _say(f"{len(cases)} broken batches, {wrong} judged wrongly; peak memory grew by {grown:.0f} MB")
    return wrong


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _forget_peak() -> None:
    """Let Linux measure the peak from now on: making the bombs took memory too."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _megabytes(what: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(what))


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
