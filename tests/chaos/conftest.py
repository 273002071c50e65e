"""What the tests that break things share."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.matrix import Matrix
from tests.chaos.stages import USE_CASE, WORKS, do, prepare
from tests.cli.lifecycle_fixture import Installation, empty, filled
from tests.comparison import equal
from tests.kills import WHOLE


@pytest.fixture
def matrix(request: pytest.FixtureRequest) -> Matrix:
    return Matrix(request.node)


@dataclass
class Undisturbed:
    """An installation that lives through all stages, and what it was like before and after each.

    Attributes:
        folder: where it is kept.
        first: the installation that it is a copy of.
        live: the copy.
        befores: the installation before each stage; after the last one, too.
    """

    folder: Path
    first: Installation
    live: Installation
    befores: dict[str, Installation] = field(default_factory=dict)

    def before(self, stage: str) -> Installation:
        """Return the installation as the stage finds it."""
        names = list(WORKS)
        for number, name in enumerate(names[: names.index(stage) + 1]):
            if name not in self.befores:
                if number:
                    self._do(names[number - 1])
                prepare(name, self.live)
                self.befores[name] = self.live.copy(self.folder / name)
        return self.befores[stage]

    def after(self, stage: str) -> Installation:
        """Return the installation as the stage leaves it."""
        self.before(stage)
        folder = self.folder / f"after {stage}"
        if not folder.exists():
            done = self.befores[stage].copy(folder)
            do(str(done.home), str(done.use_cases), stage)
        return Installation(folder / "home", folder / "use_cases")

    def compare(self, stage: str, disturbed: Installation, *, settled: bool) -> None:
        """Hold that an installation is as the undisturbed one after the stage; the message names all else."""
        self.agree(self.after(stage), disturbed, settled=settled)

    def agree(
        self,
        expected: Installation,
        disturbed: Installation,
        *,
        settled: bool = False,
        copied_from: Sequence[Installation] = (),
    ) -> None:
        """Hold that two copies say the same, each perhaps a copy of another in its turn."""
        found = equal(
            expected.workspace,
            disturbed.workspace,
            USE_CASE,
            settled=settled,
            copied_from=[one.workspace for one in (self.first, self.live, *copied_from)],
        )
        assert not found, "\n".join(found)
        drawn = [[*one.workspace.reports.list(f"{USE_CASE}/")] for one in (expected, disturbed)]
        assert sorted(drawn[0]) == sorted(drawn[1]), "reports"

    def _do(self, stage: str) -> None:
        do(str(self.live.home), str(self.live.use_cases), stage)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = filled(tmp_path_factory.mktemp("filled"))
    return Undisturbed(folder, first, first.copy(folder / "live"))


@pytest.fixture(scope="module")
def at_hand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The undisturbed one; in the short form one without a past, which is made in no time."""
    if WHOLE:
        return request.getfixturevalue("undisturbed")
    folder = tmp_path_factory.mktemp("without a past")
    live = empty(folder / "live")
    return Undisturbed(folder, live, live)
