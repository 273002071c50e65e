"""What was broken, where, and what became of it: counted by stage and fault, and printed when tests end.

A test is given the fixture `matrix` and records each fault that it has put in. The records travel with the
test's report, so that workers which share the tests are counted together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from include.settings import PROJECT_ROOT

_PROPERTY = "airlock fault"
FILE = PROJECT_ROOT / "bench" / "out" / "chaos.json"
# `completed`: what was cut off, the next run did; `survived`: the work itself went on to its end; `refused`:
# one of two was told no, rightly; `missed`: the work had ended before, so that nothing was broken.
Outcome = Literal["completed", "survived", "refused", "missed"]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        seed: draws the same fault again.
        stage: whose work was disturbed, such as `ingest` or `worker`.
        fault: its kind, such as `SIGKILL at a line`.
        place: where it struck, for a person.
        outcome: what became of the work, after it was run to completion and everything was checked.
    """

    seed: int
    stage: str
    fault: str
    place: str
    outcome: Outcome


class Matrix:
    """Takes the faults of one test."""

    def __init__(self, node: pytest.Item) -> None:
        self._node = node

    def record(self, *, stage: str, fault: str, place: object, outcome: Outcome, seed: int = 0) -> None:
        """Count a fault; call it after the invariants were checked."""
        found = Fault(seed=seed, stage=stage, fault=fault, place=str(place), outcome=outcome)
        self._node.user_properties.append((_PROPERTY, asdict(found)))


def faults_of(reports: Iterable[Any]) -> list[Fault]:
    """Return the faults that tests have recorded, from the reports of their ends."""
    return [
        Fault(**content)
        for report in reports
        if getattr(report, "when", None) == "teardown"
        for name, content in report.user_properties
        if name == _PROPERTY
    ]


def table(faults: Iterable[Fault]) -> list[str]:
    """Return the lines of a table of stage x fault with sums, for Markdown and for a terminal."""
    struck = [fault for fault in faults if fault.outcome != "missed"]
    kinds, stages = (list(dict.fromkeys(getattr(f, name) for f in struck)) for name in ("fault", "stage"))
    counts = Counter((fault.stage, fault.fault) for fault in struck)
    heading = ["stage", *kinds, "sum"]
    rows = [
        [stage, *(counts[stage, kind] or "" for kind in kinds), sum(counts[stage, kind] for kind in kinds)]
        for stage in stages
    ]
    rows.append(["sum", *(sum(counts[stage, kind] for stage in stages) for kind in kinds), len(struck)])
    texts = [heading, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in texts) for column in range(len(heading))]
    lines = [_line([cell.ljust(width) for cell, width in zip(line, widths, strict=True)]) for line in texts]
    return [lines[0], _line(["-" * width for width in widths]), *lines[1:]]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def summarise(terminal: Any, *, file: Path = FILE) -> None:
    """Print the matrix of a session and write its faults to a file; nothing where no test put any in."""
    faults = faults_of(report for found in terminal.stats.values() for report in found)
    if not faults:
        return
    terminal.write_sep("=", "faults put in: stage x fault")
    for line in table(faults):
        terminal.write_line(line)
    outcomes = Counter(fault.outcome for fault in faults)
    terminal.write_line(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(fault) for fault in faults], indent=1) + "\n", encoding="utf-8")
    terminal.write_line(f"one by one: {file}")
