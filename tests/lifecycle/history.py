"""The weeks of 2013 that the tests of the lifecycle look back on, and which of their days go through Airflow.

Most are lived by the calls that the operators make, without Airflow, which leaves the same behind
(test_topology.py) in a fraction of the time. `WHOLE_LIFECYCLE=1` sends all days, and a week more, through it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from unittest.mock import patch

from threadpoolctl import threadpool_limits

from bench.performance.lifecycle import bare
from cli.demo.calendar import Week, weeks_from
from cli.demo.replay import Replay
from include import partitions
from include.saved_models import examined
from include.warmup import LIBRARIES, import_quietly
from tests.lifecycle.conftest import Installation

LONG = bool(os.environ.get("WHOLE_LIFECYCLE"))
WEEKS = weeks_from("2013-01-01", 8 if LONG else 7)
DRILL = weeks_from(WEEKS[-1].as_of, 1, drill=True)[0]
# The blizzard, the days after it, and the days on which the drill is held back and then orders a training.
THROUGH_AIRFLOW = frozenset(
    [day for week in (*WEEKS, DRILL) for day in week.days]
    if LONG
    else [*partitions.span("2013-02-08", "2013-02-12"), *DRILL.days[4:]]
)
# No training after the first weeks: a day that nothing scores takes half the time.
TRAINED = WEEKS if LONG else WEEKS[3:]
REASON = "weekly replay"


def live(installation: Installation, week: Week) -> None:
    """Take the days of a week through the stages, in order, and train after it if it is one of `TRAINED`."""
    through_airflow = not THROUGH_AIRFLOW.isdisjoint(week.days)
    replay = Replay(installation.api, installation.flights, installation.workspace, lambda progress: None)
    for through, group in groupby(week.days, THROUGH_AIRFLOW.__contains__):
        if through:
            # Five lists of runs every second would cost as much as a day itself.
            with patch("cli.demo.replay._POLL_SECONDS", 3.0):
                replay.days(Week(tuple(group)))
        else:
            _without_airflow(installation, [*group], train=week in TRAINED and not through_airflow)
    if week in TRAINED and through_airflow:
        installation.run_to_end("flights.train", conf={"as_of": week.as_of, "reason": REASON})


def _without_airflow(installation: Installation, days: Sequence[str], *, train: bool) -> None:
    import_quietly(LIBRARIES)
    # As Airlock starts every process: sums of several threads differ in their last bits. Nobody opens the
    # pages of these days and trainings, and they are a third of the work; models are loaded in a process of
    # their own where Airflow trains.
    with (
        threadpool_limits(1),
        patch("include.monitoring.reporting.render_report", return_value=b"<html></html>"),
        patch("include.training.recording._report", return_value={}),
        patch("include.saved_models._asked_afresh", lambda question, uri, threads: examined(question)),
    ):
        bare(installation.workspace.settings, [days], train=train)
