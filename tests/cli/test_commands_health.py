"""`health` through the command line; the figures are tested in tests/include/test_intake.py."""

import pytest

from tests.cli.lifecycle_fixture import BROKEN, FIRST, empty, filled


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("lifecycle"))


def test_the_figures_of_a_live_installation(live):
    (found,) = live.json("health")
    assert (found["use_case"], found["partitions"], found["days"][0]["partition"]) == ("flights", 7, FIRST)
    assert found["success_rate"] == pytest.approx(6 / 7)
    assert {day["partition"] for day in found["days"] if day["verdict"] == "refuse"} == {BROKEN}
    shown = live.run("health", "flights", "--last", "6").stdout
    assert shown.startswith("flights\nbatches   6 decided on, 83.33% let in\n")
    line = next(line for line in shown.splitlines() if line.startswith(BROKEN)).split()
    assert line[1:5] == ["refuse", "0", "0", "0"]
    assert line[5:] == ["100.00%", "-", "-", "-"]


def test_nothing_yet_and_nothing_known(tmp_path):
    installation = empty(tmp_path)
    result = installation.run("health")
    assert (result.exit_code, result.stdout) == (0, "flights\n")
    assert "No batch of flights was decided on yet." in result.stderr
    assert installation.run("health", "boats").exit_code == 1
