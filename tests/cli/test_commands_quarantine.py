"""`quarantine` through the command line, and what lineage says of released rows afterwards."""

import getpass

import pytest

from tests.cli.lifecycle_fixture import empty, filled, set_aside

DAY = "2013-01-03"  # version 1 was trained on it, version 2 as well
FAR = [3, 50, 51]
RULE = "distance.range"


@pytest.fixture(scope="module")
def aside(tmp_path_factory):
    """A live installation to which a day came again, with three rows that are set aside."""
    live = filled(tmp_path_factory.mktemp("lifecycle")).copy(tmp_path_factory.mktemp("aside"))
    set_aside(live, DAY, FAR)
    return live


@pytest.fixture
def own(aside, tmp_path):
    return aside.copy(tmp_path)


def test_what_is_held_is_listed_and_shown(aside):
    (line,) = aside.json("quarantine")
    assert line == {
        "use_case": "flights",
        "partition": DAY,
        "table": "batch",
        "held": 3,
        "released": 0,
        "discarded": 0,
        "rules": [RULE],
    }
    assert aside.json("quarantine", "list", "flights") == [line]
    assert f"flights   {DAY}  batch" in aside.run("quarantine", "list").stdout
    rows = aside.json("quarantine", "show", "flights", DAY)
    assert [(row["row"], row["value"]) for row in rows] == [
        (row, {RULE: str(9000 + n)}) for n, row in enumerate(FAR)
    ]
    assert rows[0]["data"]["distance"] == 9000
    shown = aside.run("quarantine", "show", "flights", DAY, "--row", "50").stdout
    assert shown.startswith("row     50 of batch, held\nbreaks  distance.range: 9001\ndata    {")
    assert "2 of 3" not in aside.run("quarantine", "show", "flights", DAY, "--limit", "3").stderr
    assert "These are 1 of 3" in aside.run("quarantine", "show", "flights", DAY, "--limit", "1").stderr


def test_a_release_names_who_why_and_the_models_without_the_rows(own):
    found = own.json("quarantine", "release", "flights", DAY, "--row", "50", "--exception", "asked ops")
    decision = found["decision"]
    assert (decision["gate"], decision["verdict"], decision["actor"]) == (
        "release",
        "warn",
        getpass.getuser(),
    )
    assert [model["as_of"] for model in found["trained_without"]] == ["2013-01-07", "2013-01-06"]
    assert [term["version"] for model in found["trained_without"] for term in model["terms"]] == ["2", "1"]
    shown = own.run(
        "quarantine", "release", "flights", DAY, "--all", "--exception", "asked ops", "--actor", "grace"
    )
    assert shown.exit_code == 0, shown.output
    for fact in (
        "verdict   warn",
        "2 rows released although they break distance.range: asked ops",
        "by        grace",
        "as of 2013-01-06: version 1",
    ):
        assert fact in shown.stdout, shown.stdout
    assert "run flights.features for it again" in shown.stderr
    traced = own.json("lineage", "flights", DAY)
    (aside,) = traced["set_aside"]
    assert (aside["held"], aside["released"], aside["rules"]) == (0, 3, [RULE])
    assert {item["actor"] for item in traced["settled"]} == {"grace", getpass.getuser()}
    assert traced["broken"] == []
    assert (
        "set aside  batch 2013-01-03: 0 held, 3 released, 0 discarded"
        in own.run("lineage", "flights", DAY).stdout
    )
    forward = own.json("lineage", "--file", aside["file_hash"])
    assert forward["appearances"][0]["set_aside"] == [aside]
    # The runs learned from the delivery before this one.
    assert forward["models"] == []


def test_rows_are_given_up_with_a_reason(own):
    found = own.json("quarantine", "discard", "flights", DAY, "--rule", RULE, "--reason", "sent twice")
    assert found["decision"]["reasons"] == ["3 rows given up: sent twice"]
    assert own.json("quarantine")[0]["discarded"] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["release", "flights", DAY], 2, "Name the rows with --row or --rule"),
        (["discard", "flights", DAY, "--all"], 2, "Missing option '--reason'"),
        (["release", "flights", DAY, "--all"], 1, "still broken by 3 of 3 rows"),
        (["release", "flights", DAY, "--row", "1"], 1, "No such row of batch of flights is held"),
        (["release", "boats", DAY, "--all"], 1, "There is no use case 'boats'"),
    ],
)
def test_mistakes(aside, arguments, code, message):
    result = aside.run("quarantine", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


def test_an_empty_installation(tmp_path):
    result = empty(tmp_path).run("quarantine")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No row was ever set aside." in result.stderr
