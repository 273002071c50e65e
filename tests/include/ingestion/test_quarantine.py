"""Parting a staged table: no row is lost, none doubled, each keeps its order and every digit."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.errors import ArtefactCorrupted, InvariantBroken
from include.ingestion import quarantine
from include.ingestion.quarantine import Counts, check_counts, quarantine_rows, split
from include.ingestion.row_text import decode_rows, encode_rows
from include.ingestion.staged import BrokenRows, StagedTable
from include.quarantine import DISCARDED, RELEASED, Settlement

SCHEMA = pa.schema(
    [
        ("whole", pa.int64()),
        ("number", pa.float64()),
        ("text", pa.string()),
        ("flag", pa.bool_()),
        ("at", pa.timestamp("us", "UTC")),
    ]
)
MOMENTS = st.datetimes(datetime(1700, 1, 1), datetime(2262, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            "number": st.none() | st.floats(),
            "text": st.none() | st.text(),
            "flag": st.none() | st.booleans(),
            "at": st.none() | MOMENTS,
        }
    ),
    max_size=20,
)


def staged(folder: Path, rows: int) -> StagedTable:
    path = folder / "batch.parquet"
    pq.write_table(pa.table({"number": pa.array(range(rows), pa.int64())}), path)
    return StagedTable("batch", path, rows)


def broken(folder: Path, breaks: list[tuple[int, str]]) -> BrokenRows:
    path = folder / "broken.parquet"
    columns = {
        "row": pa.array([row for row, _ in breaks], pa.int64()),
        "rule": pa.array([rule for _, rule in breaks], pa.string()),
        "value": pa.array([f"{row}!" for row, _ in breaks], pa.string()),
    }
    pq.write_table(pa.table(columns), path)
    return BrokenRows(path, len({row for row, _ in breaks}))


def settled(kind, name: str, rows: list[int]) -> Settlement:
    return Settlement(
        decision_id=name,
        kind=kind,
        table="batch",
        file_hash="f",
        known_at=date(2013, 2, 1),
        rules=["a", "b"],
        rows=sorted(rows),
    )


def numbers(table: StagedTable) -> list[int]:
    return pq.read_table(table.path)["number"].to_pylist()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_accepted_and_set_aside_add_up_to_what_landed(tmp_path, monkeypatch, data):
    monkeypatch.setattr(quarantine, "_CHUNK", 7)
    rows = data.draw(st.integers(0, 40))
    places = st.lists(st.integers(0, max(rows - 1, 0)), unique=True, max_size=rows)
    breaking = data.draw(places)
    # Decisions may speak of rows that this contract does not set aside, and a row twice.
    releases = [settled(RELEASED, name, data.draw(places)) for name in ("r1", "r2")]
    discard = settled(DISCARDED, "d", data.draw(places))
    parted = split(
        staged(tmp_path, rows),
        broken(tmp_path, [(row, rule) for row in breaking for rule in ("b", "a")]),
        [*releases, discard],
        tmp_path,
    )
    first = [row for row in releases[0].rows if row in breaking]
    second = [row for row in releases[1].rows if row in breaking and row not in first]
    untouched = [row for row in range(rows) if row not in breaking]
    assert numbers(parted.accepted) == [*untouched, *first, *second]
    assert [(late.decision_id, late.rows) for late in parted.late] == [
        (name, len(own)) for name, own in (("r1", first), ("r2", second)) if own
    ]
    counts = parted.counts
    assert counts.accepted + counts.released + counts.held + counts.discarded == rows == counts.landed
    assert parted.accepted.rows == counts.accepted + counts.released
    kept = quarantine_rows(parted, decision_id="i", file_hash="f", known_at=date(2013, 1, 2))
    found = [row for batch in kept for row in batch.to_pylist()]
    assert [row["row"] for row in found] == sorted(breaking)
    gone = dict.fromkeys(discard.rows, ("discarded", "d"))
    states = gone | dict.fromkeys(second, ("released", "r2")) | dict.fromkeys(first, ("released", "r1"))
    for row in found:
        assert (row["state"], row["settled_by"]) == states.get(row["row"], ("held", ""))
        assert (row["rule"], json.loads(row["value"])["a"]) == ("a, b", f"{row['row']}!")
        assert json.loads(row["data"]) == {"number": row["row"]}


def test_a_release_covers_the_rules_that_were_seen_and_no_others(tmp_path):
    breaks = [(0, "a"), (1, "a"), (1, "new"), (2, "new")]
    decided = [settled(RELEASED, "r", [0, 1]), settled(DISCARDED, "d", [2])]
    parted = split(staged(tmp_path, 4), broken(tmp_path, breaks), decided, tmp_path)
    assert parted.states == {0: ("released", "r"), 2: ("discarded", "d")}
    assert numbers(parted.accepted) == [3, 0]


def test_without_a_broken_row_the_very_file_goes_on(tmp_path):
    table = staged(tmp_path, 3)
    parted = split(table, None, [], tmp_path)
    assert (parted.accepted, parted.set_aside) == (table, None)
    assert list(quarantine_rows(parted, decision_id="i", file_hash="f", known_at=date(2013, 1, 2))) == []


def test_a_broken_row_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvariantBroken, match="2 rows break a rule, but only 1 of them"):
        split(staged(tmp_path, 3), broken(tmp_path, [(1, "a"), (3, "a")]), [], tmp_path)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param(Counts(landed=5, accepted=4), id="lost"),
        pytest.param(Counts(landed=5, accepted=4, held=1, released=1), id="doubled"),
        pytest.param(Counts(landed=5, accepted=6, held=-1), id="less than none"),
    ],
)
def test_the_invariant_refuses(counts):
    with pytest.raises(InvariantBroken, match="batch: 5 rows landed, but"):
        check_counts("batch", counts)


def same(one, other) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isnan(one) == math.isnan(other) and (math.isnan(one) or repr(one) == repr(other))
    return one == other


@settings(max_examples=100, deadline=None)
@given(rows=ROWS)
def test_a_row_comes_back_from_its_text_to_the_last_digit(rows):
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    texts = [text for batch in table.to_batches() for text in encode_rows(batch)]
    for text in texts:
        json.loads(text, parse_constant=pytest.fail)
    back = decode_rows(texts, SCHEMA)
    assert back.schema == SCHEMA
    for before, after in zip(table.to_pylist(), back.to_pylist(), strict=True):
        assert all(same(before[name], after[name]) for name in SCHEMA.names), (before, after)


@pytest.mark.parametrize("text", ['{"whole": "seven"}', '{"at": "never"}', "[1]", "{"])
def test_a_text_that_is_no_such_row_is_told(text):
    with pytest.raises(ArtefactCorrupted, match="does not fit its table any more"):
        decode_rows([text], SCHEMA)
