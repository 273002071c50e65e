"""What one day costs when there are 30 days before it, and when there are 300.

Every day in between is really there: landed, ingested, built, scored and monitored, one after the other, by
the calls that the operators make. The champion is the same all along, so that what differs is history alone.
`DAYS` and `WINDOW` of the environment shorten it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.performance.lifecycle import bare, bare_day
from bench.table import Row, publish
from cli.demo.replay import STAGES
from cli.environment import base_environment
from cli.landing import land_flights
from include import partitions
from include.settings import Settings
from include.workspace import Workspace

_FIRST = "2013-01-01"
_DAYS = int(os.environ.get("DAYS", "300"))
# Days at either end that are measured; the median is theirs.
_WINDOW = int(os.environ.get("WINDOW", "14"))
_EARLY = 30
_FULL = 120
# After so many days there is a training; none follows, so that the champion stays.
_TRAININGS = (13, 20)

_MEASURED = """
import json, sys
from include.warmup import warm_up
from bench.performance.day_cost import measured
from include.settings import Settings
warm_up()
print(json.dumps(measured(Settings(_env_file=None, home=sys.argv[1]))))
"""


def measured(settings: Settings) -> dict[str, dict[str, float]]:
    """Live all the days in this process; return the CPU of each by stage, in seconds."""
    days = partitions.span(_FIRST, partitions.shift(_FIRST, _DAYS - 1))
    first, last = _TRAININGS
    bare(settings, [days[:first], days[first:last]], train=True)
    return {day: bare_day(settings, day) for day in days[last:]}


def _around(found: dict[str, dict[str, float]], mark: int) -> list[dict[str, float]]:
    """Return the days around a mark, or the last ones; a refused day is none of them."""
    before = partitions.shift(_FIRST, mark - 1 + _WINDOW // 2)
    return [used for day, used in found.items() if day <= before and len(used) == len(STAGES)][-_WINDOW:]


def main() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, home=Path(folder))
        land_flights(settings.landing, _FIRST, partitions.shift(_FIRST, _DAYS - 1))
        Workspace(settings).registry.experiment_id("flights")
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, folder],
            env=base_environment(settings, inherited=os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the days could not be lived: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    rows: list[Row] = []
    totals: list[float] = []
    # Windows of monitoring are full by the middle mark: what grows after it would grow for ever.
    marks = sorted({mark for mark in (_EARLY, _FULL, _DAYS) if mark <= _DAYS})
    for mark in marks:
        days = _around(found, mark)
        for stage in STAGES:
            rows.append(Row(f"day {mark}: {stage}", statistics.median(day[stage] for day in days), "s CPU"))
        totals.append(statistics.median(sum(day.values()) for day in days))
        rows.append(Row(f"day {mark}: all stages", totals[-1], "s CPU"))
    if len(marks) > 2:
        rows.append(Row(f"day {_DAYS} / day {_FULL}", totals[-1] / totals[-2], "x"))
    rows.append(Row(f"day {_DAYS} / day {_EARLY}", totals[-1] / totals[0], "x", 1.1))
    publish("day_cost", rows)


if __name__ == "__main__":
    main()
