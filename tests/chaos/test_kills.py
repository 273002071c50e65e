"""SIGKILL in the middle of each stage: done again, it leaves what an undisturbed one leaves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chaos.conftest import WHOLE, Undisturbed
from tests.chaos.invariants import check
from tests.chaos.matrix import Matrix
from tests.chaos.stages import SETTLED, USE_CASE, WORKS, do
from tests.cli.lifecycle_fixture import Installation
from tests.kills import Victims, instants, places

pytestmark = pytest.mark.timeout(3600 if WHOLE else 300)

SEED = 20130108
AT_INSTANTS, AT_LINES = (15, 15) if WHOLE else (0, 1)
SHORT = ("ingest", "score")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the killed and those who come after them put temporary files, and nobody else."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.mark.parametrize("stage", WORKS if WHOLE else SHORT)
def test_a_killed_stage_is_completed_by_the_next_run(
    undisturbed: Undisturbed, victims: Victims, matrix: Matrix, temporary: Path, stage: str
) -> None:
    before, homes = undisturbed.before(stage), temporary.parent

    def again(name: str) -> tuple[str, str, str]:
        made = before.copy(homes / name)
        return str(made.home), str(made.use_cases), stage

    lines = victims.lines(do, *again("lines"))
    kills = [("SIGKILL at a line", victims.kill_at_line, place) for place in places(SEED, AT_LINES, lines)]
    if AT_INSTANTS:
        usual = victims.seconds(do, *again("seconds"))
        kills += [
            ("SIGKILL at an instant", victims.kill_after, moment)
            for moment in instants(SEED, AT_INSTANTS, usual)
        ]
    for number, (fault, kill, place) in enumerate(kills):
        work = again(f"{number}")
        struck = kill(place, do, *work)
        victims.seconds(do, *work)
        assert not list(temporary.glob("airlock-*/work")), "a killed task leaves no copies of rows behind"
        torn = Installation(Path(work[0]), Path(work[1]))
        check(torn.workspace, USE_CASE, models=False)
        undisturbed.compare(stage, torn, settled=stage in SETTLED)
        outcome = "completed" if struck else "missed"
        matrix.record(stage=stage, fault=fault, place=place, outcome=outcome, seed=SEED)
        shutil.rmtree(homes / f"{number}")
