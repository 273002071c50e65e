"""Rows that were set aside are let in or given up by a person, once, and nothing undoes it."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from include.decisions import Verdict
from include.errors import GateRefused, InvariantBroken, NotFound
from include.ingestion.release import Choice, discard, release
from include.ingestion.release_gate import ReleaseEvidence, check_discard, check_release
from include.quarantine import read_quarantine
from include.snapshots import Snapshot, read_snapshots, take_snapshot
from include.use_case import UseCase
from tests.include.ingestion.conftest import DAY, Home, changed

FAR = [3, 50, 51, 200]  # rows of the day whose distance is made impossible
RULE = "distance.range"
CHOICE = Choice(partition=DAY)


def bounded(use_case: UseCase, most: float, *, severity: str = "quarantine") -> UseCase:
    column = use_case.contract.columns["distance"].model_copy(update={"max": most, "severity": severity})
    columns = use_case.contract.columns | {"distance": column}
    return use_case.model_copy(
        update={"contract": use_case.contract.model_copy(update={"columns": columns, "alpha": 1e-9})}
    )


@pytest.fixture
def aside(home: Home) -> Home:
    """A home where four rows of the day are held."""
    home.use_case = bounded(home.use_case, 6000.0)
    for place, row in enumerate(FAR):
        home.change(changed("distance", 9000 + place, rows=slice(row, row + 1)))
    home.ingest()
    return home


def let_in(home: Home, choice: Choice = CHOICE, *, use_case: UseCase | None = None, exception: str = ""):
    return release(
        use_case or home.use_case, choice, exception=exception, actor="ada", workspace=home.workspace
    )


def kept(home: Home) -> pd.DataFrame:
    return read_quarantine(home.lake, "flights", [DAY])


def landed(home: Home) -> pd.DataFrame:
    return pd.read_parquet(home.file())


def test_the_rows_that_break_a_rule_are_set_aside_whole(aside):
    found = kept(aside)
    assert found["row"].tolist() == FAR
    assert set(found["rule"]) == {RULE}
    assert [json.loads(value) for value in found["value"]] == [{RULE: str(9000 + n)} for n in range(4)]
    assert (set(found["state"]), set(found["settled_by"])) == ({"held"}, {""})
    (decision,) = aside.ledger.find(partition=DAY, gate="ingestion")
    assert set(found["decision_id"]) == {decision.id}
    assert set(found["file_hash"]) == {decision.evidence["files"][0]["sha256"]}
    raw = landed(aside)
    assert json.loads(found["data"][0])["time_hour"][:10] == DAY
    assert len(aside.rows()) == len(raw) - 4
    assert aside.rows()["distance"].max() < 9000


def test_after_a_change_of_the_contract_the_rows_pass_and_are_merged(aside):
    wider = bounded(aside.use_case, 9001.0)
    with pytest.raises(GateRefused, match=r"distance\.range: still broken by 2 of 4 rows"):
        let_in(aside, use_case=wider)
    assert len(aside.rows()) == len(landed(aside)) - 4
    two = Choice(partition=DAY, rows=(3, 50))
    decision, ref = let_in(aside, two, use_case=wider)
    assert (decision.verdict, decision.actor, ref.table) == (Verdict.PASS, "ada", "batches")
    assert kept(aside)["state"].tolist() == ["released", "released", "held", "held"]
    merged = aside.rows()
    assert merged["distance"].tolist()[-2:] == [9000, 9001]
    assert merged["released_by"].tolist()[-2:] == [decision.id] * 2
    assert merged["released_by"].isna().sum() == len(merged) - 2
    # Later rounds may look at them from the day of the correction on; the others as before.
    assert set(merged["known_at"]) == {date(2013, 1, 12)}


def test_a_correction_of_an_old_day_is_known_from_the_newest_day_on(aside):
    aside.land(["2013-01-12"])
    aside.ingest("2013-01-12")
    decision, _ = let_in(aside, exception="measured by hand")
    rows = aside.rows()
    assert decision.as_of == "2013-01-13"
    late = rows["released_by"].notna()
    assert set(rows["known_at"][late]) == {date(2013, 1, 13)}
    assert set(rows["known_at"][~late]) == {date(2013, 1, 12)}


def test_an_exception_is_signed_and_written_down(aside):
    with pytest.raises(GateRefused, match="change the contract, or sign off an exception"):
        let_in(aside)
    decision, _ = let_in(aside, exception="ferry flights, checked with the carrier")
    assert decision.verdict is Verdict.WARN
    assert decision.reasons == [
        f"4 rows released although they break {RULE}: ferry flights, checked with the carrier"
    ]
    assert decision.evidence["rules"] == {RULE: 4}
    assert len(aside.rows()) == len(landed(aside))


def test_nothing_undoes_a_release_and_nothing_doubles_it(aside):
    first = aside.ledger.find(partition=DAY, gate="ingestion")
    decision, _ = let_in(aside, Choice(partition=DAY, rows=(50,)), exception="known")
    other, _ = let_in(aside, Choice(partition=DAY, rows=(3,)), exception="known too")
    again, _ = let_in(aside, Choice(partition=DAY, rows=(50,)), exception="known")
    assert again.id == decision.id != other.id
    before = aside.tables()
    aside.ingest()
    assert aside.tables() == before
    assert aside.ledger.find(partition=DAY, gate="ingestion") == first
    rows = aside.rows()
    assert len(rows) == len(landed(aside)) - 2
    assert rows["released_by"].tolist()[-2:] == [decision.id, other.id]


def test_a_wiped_partition_comes_back_with_its_releases(aside):
    aside.land(["2013-01-12"])
    aside.ingest("2013-01-12")
    let_in(aside, Choice(partition=DAY, rows=(50,)), exception="known")
    before = aside.rows().drop(columns="ingested_at")
    aside.lake.open("flights", "batches").delete(f"partition = '{DAY}'")
    aside.ingest()
    pd.testing.assert_frame_equal(aside.rows().drop(columns="ingested_at"), before)


def test_another_delivery_is_judged_afresh(aside):
    let_in(aside, exception="known")
    aside.change(changed("distance", 9500, rows=slice(60, 61)))
    aside.ingest()
    found = kept(aside)
    assert found["row"].tolist() == [3, 50, 51, 60, 200]
    assert set(found["state"]) == {"held"}
    assert len(aside.rows()) == len(landed(aside)) - 5
    aside.land([DAY])
    aside.ingest()
    assert kept(aside).empty
    assert len(aside.rows()) == len(landed(aside))


def test_rows_that_are_given_up_stay_out(aside):
    chosen = Choice(partition=DAY, rows=(3, 51))
    decision, again = (
        discard(aside.use_case, chosen, reason="test rows", actor="ada", workspace=aside.workspace)
        for _ in range(2)
    )
    assert decision.reasons == ["2 rows given up: test rows"]
    assert again.id == decision.id
    let_in(aside, exception="the others are right")
    assert kept(aside)["state"].tolist() == ["discarded", "released", "discarded", "released"]
    before = aside.tables()
    aside.ingest()
    assert aside.tables() == before
    assert len(aside.rows()) == len(landed(aside)) - 2


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param(Choice(partition=DAY, rows=(4,)), id="a row that was accepted"),
        pytest.param(Choice(partition=DAY, rules=("dep_delay.range",)), id="a rule that nobody broke"),
        pytest.param(Choice(partition=DAY, table="weather"), id="a table without such rows"),
        pytest.param(Choice(partition="2013-01-10"), id="a day without such rows"),
    ],
)
def test_what_is_not_held_cannot_be_released(aside, choice):
    with pytest.raises(NotFound, match="quarantine show flights"):
        let_in(aside, choice, exception="x")


def test_a_key_is_never_let_in_twice(aside):
    twin = landed(aside)
    twin.iloc[3] = twin.iloc[10]
    twin.loc[twin.index[3], "distance"] = 9000
    twin.to_parquet(aside.file())
    contract = aside.use_case.contract.model_copy(update={"unique": []})
    aside.use_case = aside.use_case.model_copy(update={"contract": contract})
    aside.ingest()
    with pytest.raises(GateRefused, match="the keys of 1 of 4 rows would stand in the partition twice"):
        let_in(aside, exception="I insist")
    let_in(aside, Choice(partition=DAY, rows=(50, 51, 200)), exception="these are right")


def test_the_gates():
    evidence = ReleaseEvidence(
        kind="release",
        table="batch",
        file_hash="f",
        selection="s",
        rows=3,
        rules={"a": 3},
        ingestion_id="i",
        contract_hash="c",
    )
    cases = [
        ({}, Verdict.PASS, "keep every rule"),
        ({"broken": {"a": 1}}, Verdict.REFUSE, "batch: a: still broken by 1 of 3"),
        ({"broken": {"a": 1}, "exception": "why"}, Verdict.WARN, "break a: why"),
        (
            {"broken": {"a": 1, "b": 2}, "exception": "why"},
            Verdict.REFUSE,
            "batch: b: still broken by 2 of 3",
        ),
        ({"repeated_keys": 1, "exception": "why"}, Verdict.REFUSE, "twice"),
    ]
    for change, verdict, said in cases:
        ruling = check_release(evidence.model_copy(update=change))
        assert (ruling.verdict, said in ruling.reasons[0]) == (verdict, True), change
    assert check_discard(evidence).verdict is Verdict.PASS


def test_each_state_of_a_partition_has_its_identity(aside):
    def snapshot() -> Snapshot:
        (day,) = read_snapshots(aside.lake, "flights", [DAY]).values()
        assert len({item.dataset_id for item in day}) == 1
        return next(item for item in day if item.table == "batch")

    first, raw = snapshot(), len(landed(aside))
    assert (first.landed, first.accepted, first.held) == (raw, raw - 4, 4)
    assert first.quality[RULE] == (4, raw)
    assert first.contract_hash == aside.use_case.contract_hash
    assert first.landed_at.timestamp() == pytest.approx(aside.file().stat().st_mtime, abs=1e-3)
    (decision,) = aside.ledger.find(partition=DAY, gate="ingestion")
    assert (first.decision_id, first.file_hash) == (decision.id, decision.evidence["files"][0]["sha256"])
    chosen = Choice(partition=DAY, rows=(3, 50))
    let_in(aside, chosen, use_case=bounded(aside.use_case, 9001.0))
    second = snapshot()
    assert (second.landed, second.accepted, second.held, second.released) == (raw, raw - 4, 2, 2)
    assert second.dataset_id != first.dataset_id
    # The contract that let the batch in; that of the release stands in its decision.
    assert second.contract_hash == first.contract_hash
    os.utime(aside.file())
    aside.ingest()
    assert snapshot() == second


def test_a_lost_row_is_noticed(aside):
    aside.lake.open("flights", "batches").delete(f"partition = '{DAY}' AND flight = 1141")
    (decision,) = aside.ledger.find(partition=DAY, gate="ingestion")
    with pytest.raises(InvariantBroken, match="rows landed, but"):
        take_snapshot(aside.use_case, DAY, decision, aside.workspace)


def test_a_changed_list_of_rows_is_noticed(aside):
    decision, _ = let_in(aside, exception="known")
    path = Path(aside.workspace.selections.address(f"{decision.evidence['selection']}.json"))
    path.write_text("[[3,50]]")
    with pytest.raises(Exception, match="differs from the hash in its decision"):
        aside.ingest()
