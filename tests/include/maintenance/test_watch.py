"""A use case that stands still is noticed by the clock of the machine; one whose data ended is quiet."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pandas as pd
import pytest

from include import partitions
from include.decisions import Decision, Verdict
from include.errors import GateRefused
from include.maintenance.watch import WatchEvidence, check, due_dates, watch
from include.use_case import UseCase
from include.use_case_sections import Watch
from include.workspace import Workspace

NOON = datetime(2013, 2, 10, 17, tzinfo=UTC)  # noon in New York
NEWEST = "2013-02-09"


def evidence(**missed: int) -> WatchEvidence:
    newest = dict.fromkeys(missed, "2013-02-05")
    return WatchEvidence(today="2013-02-10", ended=False, newest=newest, missed=missed)


@pytest.mark.parametrize(
    ("missed", "verdict"),
    [
        pytest.param({"batches": 0, "labels": 0}, Verdict.PASS, id="all there"),
        pytest.param({"batches": 2, "labels": 2}, Verdict.PASS, id="as late as allowed"),
        pytest.param({"batches": 3}, Verdict.REFUSE, id="no batches"),
        pytest.param({"batches": 0, "labels": 0, "predictions": 9}, Verdict.REFUSE, id="no predictions"),
    ],
)
def test_the_gate(missed: dict[str, int], verdict: Verdict) -> None:
    ruling = check(evidence(**missed), Watch(missed_runs=2))
    assert ruling.verdict is verdict
    assert "2013-02-05" in ruling.reasons[0] or verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("age", "allowed", "late"), [(31, 30, True), (30, 30, False), (99, None, False), (None, 30, False)]
)
def test_a_champion_grows_too_old(age: int | None, allowed: int | None, late: bool) -> None:
    asked = evidence(batches=0).model_copy(update={"champion_age_days": age})
    ruling = check(asked, Watch(champion_days=allowed))
    assert ruling.verdict is (Verdict.REFUSE if late else Verdict.PASS)
    assert ("the champion is 31 days older" in ruling.reasons[0]) is late


def test_data_that_ended_are_quiet() -> None:
    late = evidence(batches=99).model_copy(update={"ended": True})
    assert check(late, Watch()).reasons == ["the data have ended, nothing is due"]


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        pytest.param(NOON, NEWEST, id="at noon the day before is due"),
        pytest.param(datetime(2013, 2, 10, 4, 59, tzinfo=UTC), "2013-02-08", id="before midnight there"),
        pytest.param(datetime(2013, 2, 10, 5, 0, tzinfo=UTC), NEWEST, id="at the tick"),
    ],
)
def test_due_dates_follow_the_schedule_in_its_zone(trips: UseCase, now: datetime, newest: str) -> None:
    due = list(due_dates(trips, now))
    assert (due[0], due[-1]) == ("2013-01-01", newest)
    assert due == partitions.span(due[0], due[-1])


def published(workspace: Workspace, last: str, *, label: int | None = 1) -> None:
    workspace.ledger.append(
        Decision(
            use_case="trips",
            gate="ingestion",
            partition=last,
            as_of=partitions.shift(last, 1),
            verdict=Verdict.PASS,
            reasons=["all rules hold"],
            evidence={},
            rule="a rule",
            error_rate=None,
            policy_hash="p",
            data_refs=[],
            code_version="c",
            actor="tests",
        )
    )
    for day in partitions.span(partitions.shift(last, -1), last):
        for table, column in (("batches", "trip"), ("labels", "label")):
            value = label if table == "labels" else 1
            rows = pd.DataFrame({column: pd.Series([value], dtype="Int64"), "known_at": [date(2013, 2, 1)]})
            workspace.lake.write_partition("trips", table, day, rows, source_hash="s", contract_hash="c")


def test_a_use_case_that_keeps_its_schedule_passes_and_is_recorded_once(
    trips: UseCase, bare: Workspace
) -> None:
    published(bare, NEWEST)
    decision = watch(trips, now=NOON, actor="tests", workspace=bare)
    assert decision.verdict is Verdict.PASS
    assert decision.as_of == "2013-02-10"
    assert watch(trips, now=NOON, actor="tests", workspace=bare).id == decision.id


def test_a_use_case_that_stands_still_is_refused_by_name(trips: UseCase, bare: Workspace) -> None:
    published(bare, "2013-02-05")
    with pytest.raises(GateRefused, match="no batches since 2013-02-05: 4 scheduled dates are missing"):
        watch(trips, now=NOON, actor="tests", workspace=bare)


def test_labels_that_stay_away_are_told_apart_from_rows(trips: UseCase, bare: Workspace) -> None:
    published(bare, NEWEST, label=None)
    with pytest.raises(GateRefused) as raised:
        watch(trips, now=NOON, actor="tests", workspace=bare)
    assert [reason.split(":")[0] for reason in raised.value.reasons] == ["no labels since the start"]


def test_a_use_case_that_was_never_started_is_quiet(trips: UseCase, bare: Workspace) -> None:
    decision = watch(trips, now=NOON, actor="tests", workspace=bare)
    assert decision.reasons == ["nothing was ever ingested, not in use yet"]


def test_the_flights_of_2013_are_quiet_today(trips: UseCase, bare: Workspace) -> None:
    published(bare, NEWEST)
    source = trips.source.model_copy(update={"end_date": date(2013, 12, 31)})
    ended = trips.model_copy(update={"source": source})
    decision = watch(ended, now=datetime(2026, 1, 1, tzinfo=UTC), actor="tests", workspace=bare)
    assert decision.reasons == ["the data have ended, nothing is due"]
