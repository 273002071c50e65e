"""`status`, `champions` and `verify` on a real installation."""

import sqlite3

import pytest

from include.registry import CHAMPION
from tests.cli.lifecycle_fixture import BROKEN, PROMOTED, SCORED, empty, filled


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("lifecycle"))


@pytest.fixture
def spoiled(live, tmp_path):
    return live.copy(tmp_path)


def test_status_tells_how_far_the_data_came(live):
    found = live.json("status")
    (state,) = found["use_cases"]
    assert state["ingested"] == {"partitions": 6, "newest": ["2013-01-07", "2013-01-06", "2013-01-05"]}
    assert state["refused"] == {"partitions": 1, "newest": [BROKEN]}
    assert state["scored"] == {"partitions": 2, "newest": list(reversed(SCORED))}
    assert (state["champion"]["version"], state["champion"]["as_of"]) == ("2", PROMOTED[1])
    assert (state["drift"]["partition"], state["drift"]["verdict"]) == (SCORED[-1], "undecided")
    assert state["alarms"] == []
    count, head = live.workspace.ledger.verify()
    assert (found["decisions"], found["ledger_head"]) == (count, head)
    shown = live.run("status").stdout
    assert "champion     version 2, as of 2013-01-07, decides from 2013-01-07 on" in shown
    assert head in shown


def test_an_alarm_is_open_until_a_newer_date_is_quiet(live, spoiled):
    from include.decisions import Verdict

    ledger = spoiled.workspace.ledger
    quiet = ledger.find(gate="drift", partition=SCORED[1])[0]
    alarm = quiet.model_copy(update={"verdict": Verdict.WARN, "reasons": ["p = 0.01"]})
    # An alarm about an older date, recorded later, is history.
    ledger.append(alarm.model_copy(update={"partition": SCORED[0], "as_of": SCORED[1]}))
    assert spoiled.json("status")["use_cases"][0]["alarms"] == []
    ledger.append(alarm)
    assert spoiled.json("status")["use_cases"][0]["alarms"] == ["drift"]
    assert "drift        2013-01-07 warn: p = 0.01" in spoiled.run("status", "flights").stdout


def test_status_of_a_new_installation_and_of_a_broken_use_case(tmp_path):
    installation = empty(tmp_path)
    (state,) = installation.json("status")["use_cases"]
    assert (state["ingested"]["partitions"], state["champion"], state["drift"]) == (0, None, None)
    assert installation.run("status", "boats").exit_code == 1
    path = installation.use_cases / "flights" / "use_case.yaml"
    path.write_text("name: flights")
    shown = installation.run("status")
    assert shown.exit_code == 0
    assert "title: is missing; add it" in shown.stdout


def test_champions_and_the_dates_that_they_decide_on(live):
    newest, first = live.json("champions", "flights")
    assert (newest["version"], newest["effective_from"], newest["until"]) == ("2", "2013-01-07", None)
    assert (first["version"], first["effective_from"], first["until"]) == ("1", "2013-01-06", "2013-01-06")
    shown = live.run("champions", "flights").stdout.splitlines()
    assert shown[1].split() == ["2", "2013-01-07..", newest["decision_id"], "ada"]
    assert max(map(len, shown)) <= 80


@pytest.mark.parametrize(("date", "version"), [("2013-01-06", "1"), ("2013-01-07", "2"), ("2013-06-01", "2")])
def test_who_decides_at_a_date(live, date, version):
    assert live.json("champions", "flights", "--at", date)["version"] == version
    assert live.run("champions", "flights", "--at", date).stdout.startswith(f"version {version} decides on")


def test_before_the_first_champion(live, tmp_path):
    result = live.run("champions", "flights", "--at", "2013-01-05")
    assert result.exit_code == 0
    assert "flights had no champion on 2013-01-05" in result.stderr
    assert live.json("champions", "flights", "--at", "2013-01-05") is None
    assert "No model of flights has been promoted yet" in empty(tmp_path).run("champions", "flights").stderr
    unknown = live.run("champions", "boats")
    assert unknown.exit_code == 1
    assert "There is no use case 'boats'" in unknown.stderr


def test_the_chain_holds_and_mlflow_agrees(live):
    count, head = live.workspace.ledger.verify()
    found = live.json("verify", "--head", head)
    assert (found["holds"], found["decisions"], found["head"]) == (True, count, head)
    (alias,) = found["aliases"]
    assert (alias["use_case"], alias["ledger"], alias["mlflow"], alias["agrees"]) == (
        "flights",
        "2",
        "2",
        True,
    )
    assert found["aliases_not_checked"] is None
    assert head in live.run("verify").stdout


def test_an_alias_moved_by_hand_is_found(spoiled):
    spoiled.workspace.registry.set_alias("flights", CHAMPION, "1")
    (alias,) = spoiled.json("verify", code=1)["aliases"]
    assert (alias["ledger"], alias["mlflow"], alias["agrees"]) == ("2", "1", False)
    shown = spoiled.run("verify")
    assert shown.exit_code == 1
    assert "DIFFER" in shown.stdout
    assert "the alias was moved by hand" in shown.stdout
    assert spoiled.run("verify", "--chain-only").exit_code == 0


def test_a_changed_decision_breaks_the_chain(spoiled):
    with sqlite3.connect(spoiled.home / "ledger.db") as database:
        database.execute("drop trigger decisions_no_update")
        change = "update decisions set payload = replace(payload, 'schedule', 'somebody') where sequence = 2"
        assert database.execute(change).rowcount == 1
    found = spoiled.json("verify", code=1)
    assert not found["holds"]
    assert "changed at decision" in found["message"]
    assert found["aliases_not_checked"] == "the ledger cannot be trusted"
    assert "BROKEN" in spoiled.run("verify").stdout


def test_a_cut_off_end_shows_against_a_kept_head(spoiled):
    _, head = spoiled.workspace.ledger.verify()
    with sqlite3.connect(spoiled.home / "ledger.db") as database:
        database.execute("drop trigger decisions_no_delete")
        database.execute("delete from decisions where sequence = (select max(sequence) from decisions)")
    assert spoiled.run("verify", "--chain-only").exit_code == 0
    assert spoiled.run("verify", "--chain-only", "--head", head).exit_code == 1
    assert spoiled.run("verify", "--head", "c37f").exit_code == 2


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9", "sqlite:////nowhere/mlflow.db", "sqlite:///{home}/ledger.txt"]
)
def test_what_mlflow_does_not_answer_is_not_checked_and_said_so(spoiled, address):
    (spoiled.home / "ledger.txt").write_text("this is no database" * 100)
    uri = address.format(home=spoiled.home)
    result = spoiled.run("verify", AIRLOCK_MLFLOW_TRACKING_URI=uri, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert result.exit_code == 0, result.output
    assert "aliases    not checked: " in result.stdout
    assert "Traceback" not in result.output
