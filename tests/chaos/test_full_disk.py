"""A disk that gets full in the middle of each stage: with room again, it is as if nothing had happened.

The disk is a small file system of the test's own where it may mount one, which root may. A limit of the size
of files ends writes in the same way, works everywhere and strikes databases too.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.conftest import WHOLE, Undisturbed
from tests.chaos.invariants import check
from tests.chaos.matrix import Matrix
from tests.chaos.on_s3 import Ending, attempt, ending
from tests.chaos.stages import SETTLED, USE_CASE, WORKS
from tests.cli.lifecycle_fixture import Installation
from tests.kills import Victims

pytestmark = pytest.mark.timeout(3600 if WHOLE else 600)

SEED = 20130110
DISKS, LIMITS = (4, 2) if WHOLE else (1, 1)
STAGES = list(WORKS) if WHOLE else ["ingest"]
_SIZE_MB = 128
_BLOCK = 4096


@dataclass(frozen=True)
class SmallDisk:
    """A small file system, and a file in it that takes room away."""

    folder: Path

    @property
    def free(self) -> int:
        """Bytes."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def leave(self, room: int) -> None:
        """Take all the room but so many bytes."""
        with self._filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free - room)

    def make_room(self) -> None:
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    # Not below pytest's folder, which a mount that cannot be ended at once would keep from being removed.
    folder = Path(tempfile.mkdtemp(prefix="airlock-small-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m", "tmpfs", str(folder)]
    try:
        if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("only who may mount has a small disk; the limit of files' sizes is tested instead")
        try:
            # What a work puts aside for itself lies on the same disk.
            monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
            (folder / "tmp").mkdir()
            yield SmallDisk(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


def limited(longest: int, told: str, installation: Installation, stage: str) -> None:
    """Do the work of a stage while no file may be longer than so many bytes."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest, hard))
    # How it has ended is written into a file, too.
    attempt(
        told, installation, stage, afterwards=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    )


@dataclass(frozen=True)
class Trials:
    """Works that may lack room, and what must hold of them once they do not."""

    expected: Undisturbed
    victims: Victims
    matrix: Matrix
    folder: Path

    def do(self, live: Installation, stage: str, *, longest: int = resource.RLIM_INFINITY) -> Ending:
        """Do the work of a stage; return how it has ended."""
        told = self.folder / "told"
        self.victims.seconds(limited, longest, str(told), live, stage)
        return ending(told)

    def complete(self, live: Installation, stage: str, ended: Ending, *, fault: str, place: str) -> None:
        """Do the work again with room, and hold that nothing is lost, doubled or torn."""
        again = self.do(live, stage)
        assert again == Ending(), f"{place}: {ended}; then {again.message}"
        # A copy is asked, because MLflow keeps the databases open that it has once read.
        asked = live.copy(self.folder / fault / place)
        check(asked.workspace, USE_CASE, models=False)
        self.expected.agree(self.expected.after(stage), asked, settled=stage in SETTLED, copied_from=[live])
        shutil.rmtree(live.home.parent)
        outcome = "completed" if ended.error else "missed"
        self.matrix.record(stage=stage, fault=fault, place=place, outcome=outcome, seed=SEED)


@pytest.fixture
def trials(at_hand: Undisturbed, victims: Victims, matrix: Matrix, tmp_path: Path) -> Trials:
    return Trials(at_hand, victims, matrix, tmp_path)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_whose_disk_is_full_is_completed_once_there_is_room(
    at_hand: Undisturbed, trials: Trials, small_disk: SmallDisk, stage: str
) -> None:
    before = at_hand.before(stage)
    live = before.copy(small_disk.folder / "usual")
    free = small_disk.free
    assert trials.do(live, stage) == Ending()
    needed = free - small_disk.free
    shutil.rmtree(live.home.parent)
    drawn = random.Random(f"{SEED} {stage}")  # noqa: S311 -- no secret
    rooms = range(0, max(needed, _BLOCK), _BLOCK)
    for number, room in enumerate(drawn.sample(rooms, min(DISKS, len(rooms)))):
        live = before.copy(small_disk.folder / f"{number}")
        small_disk.leave(room)
        ended = trials.do(live, stage)
        small_disk.make_room()
        place = f"{room // 1024} of {needed // 1024} KiB"
        assert ended.error in {"", "DiskFull"}, f"{place}: {ended.message}"
        trials.complete(live, stage, ended, fault="full disk", place=place)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_whose_files_may_not_grow_is_completed_once_they_may(
    at_hand: Undisturbed, trials: Trials, tmp_path: Path, stage: str
) -> None:
    before = at_hand.before(stage)
    drawn = random.Random(f"{SEED} {stage}")  # noqa: S311 -- no secret
    for number in range(LIMITS):
        size = int(2 ** drawn.uniform(9, 18))
        live = before.copy(tmp_path / f"live {number}")
        ended = trials.do(live, stage, longest=size)
        assert ended.clear, f"{size} bytes: {ended.message}"
        trials.complete(live, stage, ended, fault="limit of files", place=f"{size} B")
