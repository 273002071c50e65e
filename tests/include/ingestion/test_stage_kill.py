"""SIGKILL in the middle of an ingestion: each table is as before or as after, and a repeat does the rest."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from include.decisions import Verdict
from include.errors import GateRefused
from tests.include.ingestion.conftest import DAY, EARLIER, Home, changed
from tests.kills import instants, places, times

AUDIT_OF_THE_CLOCK = ["ingested_at"]
TABLES = ("batches", "profiles", "side_weather")


def ingest_day(folder, upstream, use_case, day):
    """What the process that is killed does."""
    Home(Path(folder), Path(upstream), use_case).ingest(day)


def state(home):
    """Everything that a person or a later stage can see, but for the clock and the addresses of the copy."""
    tables = {}
    for table in TABLES:
        rows = home.lake.read("flights", table).drop(columns=AUDIT_OF_THE_CLOCK)
        tables[table] = rows.sort_values(list(rows.columns), ignore_index=True)
    decisions = [
        (found.partition, found.verdict, found.reasons, found.evidence["results"], found.evidence["volumes"])
        for found in home.ledger.find()
        if found.partition == DAY
    ]
    return tables, decisions


def same(one, other):
    for table in TABLES:
        pd.testing.assert_frame_equal(one[0][table], other[0][table])
    assert one[1] == other[1]


def days(home, table):
    return home.lake.partitions("flights", table)


def test_a_killed_ingestion_is_completed_by_the_next_one(home, victims, tmp_path):
    calm = [Home(shutil.copytree(home.folder, tmp_path / name), home.folder, home.use_case) for name in "ab"]
    usual = victims.seconds(ingest_day, calm[0].folder, home.folder, home.use_case, DAY)
    lines = victims.lines(ingest_day, calm[1].folder, home.folder, home.use_case, DAY)
    expected = state(calm[0])
    same(state(calm[1]), expected)
    stops = [(victims.kill_after, instant) for instant in instants(1, times(6, 2), usual)]
    stops += [(victims.kill_at_line, place) for place in places(1, times(16, 6), lines, after=0.05)]
    seen = set()
    for number, (kill, where) in enumerate(stops):
        folder = shutil.copytree(home.folder, tmp_path / f"{number}")
        torn = Home(folder, home.folder, home.use_case)
        kill(where, ingest_day, folder, home.folder, home.use_case, DAY)
        torn.ledger.verify()
        decided = [found.verdict for found in torn.ledger.find(partition=DAY)]
        there = [DAY in days(torn, table) for table in TABLES]
        for table in TABLES:
            assert days(torn, table) in (EARLIER, [*EARLIER, DAY])
        # What stands in a table was decided before, and the batch comes last of all.
        assert decided in ([], [Verdict.PASS])
        assert not any(there) or decided
        assert not there[0] or all(there)
        seen.add((bool(decided), *there))
        torn.ingest()
        same(state(torn), expected)
        shutil.rmtree(folder)
    assert len(seen) > 2, f"the kills have met few states: {seen}"


def test_a_killed_refusal_publishes_nothing_and_is_decided_by_the_next_one(home, victims, tmp_path):
    home.change(changed("arr_delay", None))
    before = home.tables()
    calm = shutil.copytree(home.folder, tmp_path / "undisturbed")
    lines = victims.lines(refused_day, calm, home.folder, home.use_case, DAY)
    for place in places(3, times(8, 3), lines):
        victims.kill_at_line(place, refused_day, home.folder, home.folder, home.use_case, DAY)
        home.ledger.verify()
        assert home.tables() == before
    with pytest.raises(GateRefused) as caught:
        home.ingest()
    assert home.tables() == before
    assert [found.id for found in home.ledger.find(partition=DAY)] == [caught.value.decision_id]
    raw = Path(home.ledger.find(partition=DAY)[0].evidence["files"][0]["raw"])
    assert raw.read_bytes() == home.file().read_bytes()


def refused_day(*arguments):
    with pytest.raises(GateRefused):
        ingest_day(*arguments)
