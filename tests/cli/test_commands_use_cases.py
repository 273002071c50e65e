"""`use-cases`: sound and broken declarations."""

import shutil

import pytest
import yaml

from include.settings import PROJECT_ROOT
from include.use_case import read_use_case
from tests.cli.lifecycle_fixture import empty, filled


@pytest.fixture
def two(tmp_path):
    """One sound use case and one with a mistake."""
    installation = empty(tmp_path)
    shutil.copytree(installation.use_cases / "flights", installation.use_cases / "trains")
    path = installation.use_cases / "trains" / "use_case.yaml"
    path.write_text(path.read_text().replace("kind: binary", "kind: octonary"))
    return installation


def test_a_broken_one_does_not_hide_the_others(two):
    result = two.run("use-cases")
    assert result.exit_code == 0
    assert "flights" in result.stdout
    assert "Late arrivals of flights from New York" in result.stdout
    assert "problem.kind: 'octonary' is not possible; choose one of" in result.stdout


def test_check_fails_on_a_broken_one(two):
    assert two.run("use-cases", "--check").exit_code == 1
    flights, trains = two.json("use-cases", "--check", code=1)
    assert (flights["name"], flights["valid"], flights["champion"]) == ("flights", True, None)
    assert (flights["owner"], flights["schedule"]) == ("flight-operations", "0 0 * * *")
    assert (trains["name"], trains["valid"]) == ("trains", False)
    assert "octonary" in trains["error"]


def test_check_reads_the_features_too(tmp_path):
    installation = empty(tmp_path)
    path = installation.use_cases / "flights" / "features.py"
    path.write_text(path.read_text().replace('inputs=["distance"]', 'inputs=["arr_delay"]'))
    assert installation.json("use-cases")[0]["valid"]
    (found,) = installation.json("use-cases", "--check", code=1)
    assert "reads ['arr_delay'], known only after the outcome" in found["error"]


def test_the_project_itself_is_sound(tmp_path):
    result = empty(tmp_path).run(
        "use-cases", "--check", AIRLOCK_USE_CASES_DIR=str(PROJECT_ROOT / "include" / "use_cases")
    )
    assert result.exit_code == 0, result.output


def test_no_use_case_at_all(tmp_path):
    installation = empty(tmp_path)
    shutil.rmtree(installation.use_cases)
    result = installation.run("use-cases")
    assert result.exit_code == 0
    assert f"No use case is declared in {installation.use_cases}" in result.stderr


def test_the_champion_is_shown(tmp_path_factory):
    live = filled(tmp_path_factory.mktemp("lifecycle"))
    assert live.json("use-cases")[0]["champion"] == "2"


def test_the_list_survives_a_ledger_that_does_not_answer(two):
    (two.home / "ledger.db").mkdir(parents=True)
    result = two.run("use-cases")
    assert result.exit_code == 0
    assert "The champion of flights is not known" in result.stderr
    assert "flight-operations" in result.stdout


def test_show_gives_the_whole_declaration_as_yaml_that_can_be_read_again(tmp_path):
    installation = empty(tmp_path)
    result = installation.run("use-cases", "show", "flights")
    declared = read_use_case(installation.use_cases / "flights" / "use_case.yaml")
    assert result.stdout.startswith(f"# flights, effective declaration, hash {declared.hash}\n")
    assert yaml.safe_load(result.stdout)["monitoring"]["drift"]["trailing_days"] == 28
    (tmp_path / "again" / "flights").mkdir(parents=True)
    copy = tmp_path / "again" / "flights" / "use_case.yaml"
    copy.write_text(result.stdout)
    assert read_use_case(copy) == declared


def test_show_as_json(tmp_path):
    found = empty(tmp_path).json("use-cases", "show", "flights")
    assert found["source"]["start_date"] == "2013-01-01"
    assert found["training"]["model"]["kind"] == "gradient_boosting"


def test_show_of_an_unknown_name(tmp_path):
    result = empty(tmp_path).run("use-cases", "show", "boats")
    assert result.exit_code == 1
    assert "There is no use case 'boats'" in result.stderr
