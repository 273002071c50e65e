"""One form for all results: rows of name, value, unit, goal, holds."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        goal: the largest value that is good enough; None where the figure is for orientation.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None

    @property
    def holds(self) -> bool | None:
        return None if self.goal is None else self.value <= self.goal


def publish(bench: str, rows: list[Row]) -> None:
    """Print the rows and write them to `bench/out/<bench>.json`."""
    OUT.mkdir(exist_ok=True)
    content = [{**asdict(row), "holds": row.holds} for row in rows]
    (OUT / f"{bench}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    table = Table(title=bench, title_justify="left")
    for heading, justify in (
        ("", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("goal", "right"),
        ("", "left"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for row in rows:
        mark = {True: "holds", False: "MISSED", None: ""}[row.holds]
        table.add_row(
            row.name, _shown(row.value), row.unit, "" if row.goal is None else f"≤ {row.goal:g}", mark
        )
    Console().print(table)


def _shown(value: float) -> str:
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{min(digits, 4)}f}"
