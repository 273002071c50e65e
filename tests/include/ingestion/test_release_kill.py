"""SIGKILL in the middle of a release: the batch is as before or as after, and a repeat does the rest."""

import shutil
from pathlib import Path

import pandas as pd

from tests.include.ingestion.conftest import DAY, Home
from tests.include.ingestion.test_release import (  # noqa: F401 -- fixtures
    CHOICE,
    aside,
    kept,
    let_in,
)
from tests.kills import places, times


def released_day(folder, upstream, use_case):
    """What the process that is killed does."""
    let_in(Home(Path(folder), Path(upstream), use_case), CHOICE, exception="known")


def state(home):
    tables = [home.rows(), home.rows(table="profiles"), home.rows(table="quarantine")]
    decisions = home.ledger.find(partition=DAY)
    return [table.drop(columns="ingested_at") for table in tables], decisions


def same(one, other):
    for ours, theirs in zip(one[0], other[0], strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    # A list of rows has its address in the decision, and each copy has its own.
    assert [(d.gate, d.verdict, d.evidence) for d in one[1]] == [
        (d.gate, d.verdict, d.evidence) for d in other[1]
    ]


def test_a_killed_release_leaves_old_or_new_and_is_completed_by_the_next(aside, victims, tmp_path):  # noqa: F811
    home = aside
    landed = len(pd.read_parquet(home.file()))
    calm = Home(shutil.copytree(home.folder, tmp_path / "calm"), home.folder, home.use_case)
    lines = victims.lines(released_day, calm.folder, home.folder, home.use_case)
    seen = set()
    kills = times(12, 6)
    for number in range(kills):
        # Evenly over the work: the few lines around the ledger and the states matter as much as the batch's.
        place = (1 + number * (lines - 1) // (kills - 1), 0.0)
        torn = Home(shutil.copytree(home.folder, tmp_path / f"{number}"), home.folder, home.use_case)
        victims.kill_at_line(place, released_day, torn.folder, home.folder, home.use_case)
        torn.ledger.verify()
        decided = bool(torn.ledger.find(partition=DAY, gate="release"))
        rows, states = len(torn.rows()), set(kept(torn)["state"])
        assert rows in (landed - 4, landed)
        assert states in ({"held"}, {"released"})
        # What is let in was decided before, and what is called released is in.
        assert decided or rows == landed - 4
        assert states == {"held"} or rows == landed
        seen.add((decided, rows == landed, *states))
        let_in(torn, exception="known")
        after = state(torn)
        let_in(torn, exception="known")
        same(after, state(torn))
        assert (len(torn.rows()), set(kept(torn)["state"])) == (landed, {"released"})
        pd.testing.assert_series_equal(torn.rows()["distance"], calm.rows()["distance"])
        shutil.rmtree(torn.folder)
    assert len(seen) > 2, f"the kills have met few states: {seen}"


def test_an_ingestion_after_a_killed_release_completes_it(aside, victims, tmp_path):  # noqa: F811
    home = aside
    lines = victims.lines(
        released_day, shutil.copytree(home.folder, tmp_path / "calm"), home.folder, home.use_case
    )
    landed = len(pd.read_parquet(home.file()))
    for place in places(7, times(3, 2), lines):
        torn = Home(shutil.copytree(home.folder, tmp_path / "torn"), home.folder, home.use_case)
        victims.kill_at_line(place, released_day, torn.folder, home.folder, home.use_case)
        decided = bool(torn.ledger.find(partition=DAY, gate="release"))
        torn.ingest()
        assert len(torn.rows()) == (landed if decided else landed - 4)
        assert set(kept(torn)["state"]) == ({"released"} if decided else {"held"})
        shutil.rmtree(torn.folder)
