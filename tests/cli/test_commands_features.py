"""`./airlock features` and `./airlock rebuild-features`, as people type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.feature_sets import load_features
from tests.cli.lifecycle_fixture import Installation, filled

COMMAND = "rebuild-features"
ADDED = """

@features.row(kind="number", inputs=["distance"], low=0, description="distance in thousands of miles")
def thousand_miles(rows):
    return rows["distance"] / 1000
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return filled(tmp_path_factory.mktemp("lifecycle"))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation whose definitions have changed since; its commands build on each other."""
    copied = filled(tmp_path_factory.mktemp("lifecycle")).copy(tmp_path_factory.mktemp("changed"))
    file = copied.use_cases / "flights" / "features.py"
    file.write_text(file.read_text() + ADDED)
    return copied


def test_the_list_says_who_defines_what_and_who_uses_it(live: Installation) -> None:
    shown = live.run("features", "flights", "--check")
    assert shown.exit_code == 0, shown.output
    for said in ("features of today", "champion", "2013-01-01", "2013-01-07", "as their definitions"):
        assert said in shown.output
    (today,) = live.json("features", "flights")["sets"]
    assert today["role"] == "today"
    assert {one["source"] for one in today["definitions"]["features"]} >= {"row", "joined"}
    assert today["aliases"]["champion"] in today["models"]


def test_stale_days_end_the_check_with_the_command_to_run(changed: Installation) -> None:
    shown = changed.run("features", "flights", "--check")
    assert shown.exit_code == 1
    assert "./airlock rebuild-features flights --from 2013-01-01 --to 2013-01-07" in shown.output


def test_a_dry_run_lists_and_builds_nothing(changed: Installation) -> None:
    lake = changed.workspace.lake
    before = lake.version("flights", "features")
    found = changed.json(COMMAND, "flights", "--from", "2013-01-03", "--to", "2013-01-04", "--dry-run")
    assert found["wanted"] == ["2013-01-03", "2013-01-04"]
    assert "definitions changed" in found["stale"]["2013-01-03"]
    assert found["rebuilt"] is None
    assert lake.version("flights", "features") == before


def test_what_is_stale_is_built_here_where_no_airflow_runs(changed: Installation) -> None:
    arguments = (COMMAND, "flights", "--from", "2013-01-01", "--to", "2013-01-07")
    found = changed.json(*arguments)
    assert found["run_id"] == ""
    assert found["rebuilt"]["changed"] == list(found["stale"])
    assert "2013-01-02" not in found["wanted"], "the refused batch has nothing to build from"
    workspace = changed.workspace
    version = load_features(workspace.use_case("flights"), workspace.settings).version
    built = workspace.lake.partitions("flights", "features", feature_set_version=version)
    assert built == found["wanted"]
    again = changed.run(*arguments)
    assert "Nothing is out of date" in again.output
    every = changed.json(*arguments, "--all", "--here")["rebuilt"]
    assert (every["changed"], every["unchanged"]) == ([], found["wanted"])
    assert changed.run("features", "flights", "--check").exit_code == 0


def test_the_page_is_written_where_the_person_stands(changed: Installation, tmp_path: Path) -> None:
    target = tmp_path / "features.html"
    shown = changed.run("features", "flights", "--page", str(target))
    assert shown.exit_code == 0, shown.output
    assert "thousand_miles" in target.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("flights", "--from", "2013-01-07", "--to", "2013-01-01"), "ends before it begins; swap"),
        (("flights", "--from", "2013-02-30", "--to", "2013-03-01"), "not a date of the calendar"),
        (("nobody", "--from", "2013-01-01", "--to", "2013-01-02"), "nobody"),
        (("flights", "--to", "2013-01-02"), "--from"),
    ],
    ids=["reversed", "no date", "unknown use case", "half a range"],
)
def test_mistakes_are_said_plainly(live: Installation, arguments: tuple[str, ...], message: str) -> None:
    found = live.run(COMMAND, *arguments)
    assert found.exit_code != 0
    assert message in found.output
    assert "Traceback" not in found.output


def test_days_of_the_future_are_nothing_to_build(live: Installation) -> None:
    found = live.json(COMMAND, "flights", "--from", "2030-01-01", "--to", "2030-01-02", "--all")
    assert found["wanted"] == []
    assert found["rebuilt"] is None
