"""The corpus of broken batches: each gets its verdict and its words, writes nothing, takes little memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.corpus.desk import DAY, Desk, parquet, use_case
from tests.corpus.run import all_cases, run
from tests.corpus.values import changed
from tests.corpus.weighing import weigh_bombs
from tests.kills import Victims

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


def test_bombs_are_refused_in_little_memory(victims: Victims, tmp_path: Path) -> None:
    # In a process whose peak is that of nothing else.
    victims.side_by_side((weigh_bombs, tmp_path / "found.json"))
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["cases"] >= 15
    assert found["wrong"] == []
    assert 0 < found["megabytes"] < MEGABYTES


def test_the_decision_follows_the_flags_and_records_what_it_saw(desk: Desk) -> None:
    rows = changed("amount", -1.0)
    desk.clear()
    desk.land({f"orders/{DAY}.parquet": parquet(rows.astype({"amount": "float64"}))})
    flags = desk.workspace.settings.flags
    assert desk.ingest(use_case()).verdict == "refuse"

    name = "orders.contract.rules.amount.range.severity"
    flags.write_text(f"{name}: warn\n", encoding="utf-8")
    answer = desk.ingest(use_case())
    assert answer.verdict == "warn"
    (decision,) = desk.workspace.ledger.find(use_case="orders", partition=DAY, limit=1)
    assert decision.evidence["flags"] == {name: "warn"}
    assert desk.ingest(use_case()) == answer, "the same flags again are no news"

    flags.write_text("- broken", encoding="utf-8")
    answer = desk.ingest(use_case())
    flags.unlink()
    assert answer.verdict == "refuse"
    assert "the declared values apply" in answer.message
