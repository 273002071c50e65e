"""The corpus of broken batches: each gets its verdict and its words, writes nothing, takes little memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from include.settings import PROJECT_ROOT
from tests.corpus.desk import Desk
from tests.corpus.run import all_cases, run

MEGABYTES = 400


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("corpus"))


def test_every_broken_batch_is_judged_and_named_as_it_must_be(desk: Desk) -> None:
    cases = [case for case in all_cases() if not case.bomb]
    assert len(cases) >= 300
    wrong = [f"{outcome.case.name}: {outcome.wrong}" for outcome in run(desk, cases) if outcome.wrong]
    assert wrong == []
    assert desk.workspace.ledger.verify()[0] > len(cases) / 2


def test_bombs_are_refused_in_little_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.corpus", "--bombs"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["cases"] >= 15
    assert found["wrong"] == 0
    assert found["megabytes"] < MEGABYTES
