"""`replay`, `backtest`, `policy`, `rollback`: on a lifecycle that has really happened."""

import getpass

import pytest

from include.registry import CHAMPION
from tests.cli.lifecycle_fixture import filled


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("lifecycle"))


def test_every_decision_of_every_gate_is_reproduced(live):
    decisions = live.workspace.ledger.find()
    gates = {decision.gate for decision in decisions}
    assert gates >= {"ingestion", "features", "training", "evaluation", "promotion", "drift", "retraining"}
    for decision in decisions:
        found = live.json("replay", decision.id)
        assert (found["differs"], found["rules"]) == ([], "as recorded"), decision.gate
        assert found["verdict"] == decision.verdict.value


def test_a_replay_for_people_and_an_unknown_decision(live):
    (newest, *_) = live.workspace.ledger.find(gate="evaluation")
    result = live.run("replay", newest.id[:12])
    assert result.exit_code == 0
    assert "nothing: the verdict is reproduced" in result.stdout
    assert "floor: AUC" in result.stdout
    assert live.run("replay", "f" * 32).exit_code == 1


def test_a_backtest_shows_what_changed_rules_would_have_done(live, tmp_path):
    declared = (live.use_cases / "flights" / "use_case.yaml").read_text()
    file = tmp_path / "changed.yaml"
    file.write_text(declared.replace("min_rows: 2", "min_rows: 100000"))
    found = live.json("backtest", "--policy", str(file))
    changed = [item for item in found if item["verdict"] != item["recorded"] and item["verdict"]]
    assert {item["gate"] for item in changed} == {"evaluation"}
    assert {(item["recorded"], item["verdict"]) for item in changed} == {("pass", "undecided")}
    result = live.run("backtest", "--policy", str(file), "--from", "2013-01-07")
    assert "labelled holdout rows, needed 100000" in result.stdout
    assert "1 of" in result.stderr
    file.write_text(declared)
    same = live.run("backtest", "--policy", str(file))
    assert same.stdout == ""
    assert same.stderr.startswith("0 of ")


def test_a_broken_policy_is_one_plain_message(live, tmp_path):
    file = tmp_path / "house.yaml"
    file.write_text("name: house\nowner: risk\nbounds: [{setting: evaluation.rows, at_least: 1, why: x}]\n")
    result = live.run("backtest", "--policy", str(file))
    assert result.exit_code == 1
    assert "'evaluation.rows' is no number or word" in result.stderr


def test_the_policy_of_a_use_case_tells_where_each_rule_comes_from(live):
    found = live.json("policy", "flights")
    settings = {item["setting"]: item for item in found["settings"]}
    assert settings["evaluation.min_rows"]["source"] == "file"
    assert settings["promotion.approval"]["source"] == "default"
    assert settings["training.max_single_feature_auc"]["bound"] == "at most 0.99"
    assert found["policies"] == ["organisation, owner model-risk"]
    (evaluation, *_) = live.workspace.ledger.find(gate="evaluation")
    assert found["hashes"]["evaluation"] == evaluation.policy_hash
    result = live.run("policy", "flights", "--section", "evaluation")
    assert "evaluation.min_rows" in result.stdout
    assert "training.seed" not in result.stdout


def test_a_rollback_takes_one_command(live, tmp_path):
    other = live.copy(tmp_path)
    refused = other.run("rollback", "flights", "--reason", " ")
    assert refused.exit_code == 1
    assert "no reason is given" in refused.stderr
    found = other.json("rollback", "flights", "--reason", "worse since Monday")
    assert (found["gate"], found["actor"], found["evidence"]["version"]) == (
        "rollback",
        getpass.getuser(),
        "1",
    )
    assert other.workspace.registry.alias_version("flights", CHAMPION) == "1"
    assert other.json("champions", "flights")[0]["version"] == "1"
    assert other.run("verify").exit_code == 0
    missing = other.run("rollback", "flights", "--to", "9", "--reason", "x")
    assert "version 9 was never a champion of flights" in missing.stderr
