"""`./airlock simulate` and `./airlock triggers` on a small use case, as a person calls them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cli.main import main
from include.decisions import Decision, Verdict
from include.settings import get_settings
from include.workspace import Workspace

OUTCOME = {
    "decision_id": "d",
    "asked_by": "monitoring",
    "started": True,
    "signals": ["drift"],
    "trained_as_of": "2013-03-04",
    "passed": True,
    "replaced_version": "3",
    "days": ["2013-03-04", "2013-03-05"],
    "rows": 1800,
    "metric": "roc_auc",
    "difference": 0.02,
    "standard_error": 0.005,
    "degrees_of_freedom": 13.0,
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLOCK_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield tmp_path / "home"
    get_settings.cache_clear()


def called(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def judged(home):
    ledger = Workspace(get_settings()).ledger
    for index, (verdict, difference) in enumerate([(Verdict.PASS, 0.02), (Verdict.REFUSE, -0.03)]):
        ledger.append(
            Decision(
                use_case="flights",
                gate="trigger_outcome",
                partition=f"2013-03-0{index + 1}",
                as_of="2013-03-20",
                verdict=verdict,
                reasons=[f"ordered: the difference was {difference}"],
                evidence=OUTCOME | {"difference": difference, "decision_id": str(index)},
                rule="bounds",
                error_rate=0.05,
                policy_hash="p",
                data_refs=[],
                code_version="c",
                actor="tests",
            )
        )
    return home


def test_triggers_show_each_order_and_their_score(judged):
    done = called("triggers", "flights")
    assert done.exit_code == 0, done.output
    assert "2 retraining decisions judged" in done.output
    assert "ordered: the difference was -0.03" in done.output
    (drift,) = [line.split() for line in done.output.splitlines() if line.startswith("drift")]
    assert drift == ["drift", "2", "1", "1", "0", "50%", "100%"]


def test_triggers_as_json_and_picture(judged, tmp_path):
    done = called("triggers", "--json", "--plot", str(tmp_path / "triggers.png"))
    (flights,) = [found for found in json.loads(done.stdout) if found["use_case"] == "flights"]
    assert flights["scores"][0]["precision"] == 0.5
    assert len(flights["outcomes"]) == 2
    assert (tmp_path / "triggers.png").read_bytes().startswith(b"\x89PNG")


def test_triggers_before_anything_is_due(home):
    done = called("triggers", "flights")
    assert done.exit_code == 0
    assert "Nothing is due yet" in done.output


MISTAKES = {
    "an unknown policy": (["--policy", "sometimes"], "There is no policy 'sometimes'"),
    "a range that is reversed": (["--policy", "never", "--to", "2012-12-31"], "is no range of flights"),
    "a date that is none": (["--to", "2013-02-30"], "is not a date of the calendar"),
}


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_before_anything_is_run(home, arguments, said):
    done = called("simulate", "flights", "--from", "2013-01-02", "--to", "2013-01-01", *arguments)
    assert done.exit_code != 0
    assert said in done.output
    assert not (home / "simulation").exists()
