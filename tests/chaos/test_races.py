"""Two works at the same instant: whichever is first, nothing is doubled, lost or torn."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from include import partitions
from include.ledger import Ledger
from tests.chaos.conftest import WHOLE, Undisturbed
from tests.chaos.invariants import check
from tests.chaos.matrix import Matrix
from tests.chaos.stages import DAY, SETTLED, USE_CASE, do
from tests.cli.lifecycle_fixture import FIRST, LAST, Installation
from tests.include.test_ledger import decision
from tests.kills import Victims
from tests.servers import new_database

pytestmark = pytest.mark.timeout(3600 if WHOLE else 300)

TURNS = 12 if WHOLE else 1
TWICE = (
    "ingest",
    "features",
    "score",
    "monitor",
    "report",
    "train",
    "evaluate",
    "promote",
    "release",
    "rebuild",
)
_WRITERS, _EACH = 32, 3
_GAP = 0.4  # seconds by which one of two works may be ahead


def late(seconds: float, home: str, use_cases: str, *stages: str) -> None:
    """Do the work of stages, a little later."""
    time.sleep(seconds)
    for stage in stages:
        do(home, use_cases, stage)


def backfill(home: str, use_cases: str) -> None:
    """Build the features of all days but the newest."""
    from include.features.rebuilding import rebuild

    workspace = Installation(Path(home), Path(use_cases)).workspace
    days = partitions.span(FIRST, LAST)
    rebuild(workspace.use_case(USE_CASE), days, actor="otto", workspace=workspace)


def gaps(seed: int) -> list[tuple[float, float]]:
    """Draw by how much either of two works is late."""
    drawn = random.Random(seed)  # noqa: S311 -- no secret
    return [
        (0.0, drawn.uniform(0, _GAP)) if drawn.random() < 0.5 else (drawn.uniform(0, _GAP), 0.0)
        for _ in range(TURNS)
    ]


def work_of(installation: Installation) -> tuple[str, str]:
    return str(installation.home), str(installation.use_cases)


@pytest.mark.parametrize("stage", TWICE if WHOLE else ("ingest",))
def test_of_two_runs_of_one_partition_one_result_stands(
    undisturbed: Undisturbed, victims: Victims, matrix: Matrix, tmp_path: Path, stage: str
) -> None:
    before = undisturbed.before(stage)
    for turn, (one, other) in enumerate(gaps(seed=1)):
        live = before.copy(tmp_path / f"{turn}")
        ended = victims.together((late, one, *work_of(live), stage), (late, other, *work_of(live), stage))
        assert any(ended), "neither run has come to its end"
        do(*work_of(live), stage)
        check(live.workspace, USE_CASE, models=False)
        undisturbed.compare(stage, live, settled=stage in SETTLED)
        outcome = "survived" if all(ended) else "completed"
        place = f"{one:.3f} s, {other:.3f} s late"
        matrix.record(stage=stage, fault="two runs at once", place=place, outcome=outcome, seed=1)
        shutil.rmtree(live.home.parent)


def test_a_backfill_and_the_day_of_today_do_not_disturb_each_other(
    undisturbed: Undisturbed, victims: Victims, matrix: Matrix, tmp_path: Path
) -> None:
    before = undisturbed.before("ingest")
    expected = before.copy(tmp_path / "expected")
    backfill(*work_of(expected))
    late(0, *work_of(expected), "ingest", "features")
    for turn, (one, other) in enumerate(gaps(seed=2)):
        live = before.copy(tmp_path / f"{turn}")
        # A day's features may rest on sums that the backfill is about to write.
        assert victims.together(
            (late, one, *work_of(live), "ingest", "features"), (backfill, *work_of(live))
        ) == [True, True]
        backfill(*work_of(live))
        check(live.workspace, USE_CASE, models=False)
        undisturbed.agree(expected, live)
        matrix.record(
            stage="rebuild",
            fault="beside live ingestion",
            place=f"{one:.3f} s, {other:.3f} s late, {DAY}",
            outcome="survived",
            seed=2,
        )
        shutil.rmtree(live.home.parent)


def test_of_a_promotion_and_a_rollback_at_once_alias_and_ledger_say_the_same(
    undisturbed: Undisturbed, victims: Victims, matrix: Matrix, tmp_path: Path
) -> None:
    before = undisturbed.before("promote")
    for turn, (one, other) in enumerate(gaps(seed=3)):
        live = before.copy(tmp_path / f"{turn}")
        ended = victims.together(
            (late, one, *work_of(live), "promote"), (late, other, *work_of(live), "roll back")
        )
        assert any(ended), "neither has come to its end"
        check(live.workspace, USE_CASE, models=False)
        outcome = "survived" if all(ended) else "refused"
        place = f"{one:.3f} s, {other:.3f} s late"
        matrix.record(stage="promote", fault="against a rollback", place=place, outcome=outcome, seed=3)
        shutil.rmtree(live.home.parent)


def append(url: str, writer: int) -> None:
    """Record some decisions, one after the other."""
    ledger = Ledger(url)
    for number in range(_EACH):
        ledger.append(decision(writer * _EACH + number, partition=None))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_ledger_that_32_processes_write_at_once_is_whole(
    request: pytest.FixtureRequest, victims: Victims, matrix: Matrix, tmp_path: Path, kind: str
) -> None:
    for turn in range(TURNS):
        if kind == "sqlite":
            url = f"sqlite:///{tmp_path}/{turn}.db"
        else:
            url = new_database(request.getfixturevalue("postgres_server"))
        victims.side_by_side(*[(append, url, writer) for writer in range(_WRITERS)])
        ledger = Ledger(url)
        assert ledger.verify()[0] == _WRITERS * _EACH
        numbers = sorted(found.evidence["number"] for found in ledger.find())
        assert numbers == list(range(_WRITERS * _EACH))
        fault = f"{_WRITERS} writers at once"
        matrix.record(stage="ledger", fault=fault, place=f"{kind}, turn {turn}", outcome="survived")
