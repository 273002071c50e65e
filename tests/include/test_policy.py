"""The organisation's rules: what they limit, what they add, and that no use case loosens one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.errors import UseCaseError
from include.hashing import digest
from include.policy import Bound, Policy, load_policies, origins, read_policy, under
from include.settings import PROJECT_ROOT, Settings
from include.use_case import load_use_case, read_use_case

FLIGHTS = PROJECT_ROOT / "include" / "use_cases" / "flights"
MIN_ROWS = {"setting": "evaluation.min_rows", "at_least": 800, "why": "few rows show nothing"}
ALPHA = {"setting": "evaluation.gates[champion].alpha", "at_most": 0.02, "why": "few needless changes"}
CARD = {"kind": "conditions", "model_card": True}


def policy(*bounds, gates=(), **fields):
    return Policy.model_validate(
        {"name": "house", "owner": "risk", "bounds": list(bounds), "gates": list(gates), **fields}
    )


def with_three_rules(text: str) -> str:
    """Return the flights' declaration without the rules that these tests do not speak of."""
    return "\n".join(
        line
        for line in text.split("\ncard:", maxsplit=1)[0].splitlines()
        if not any(f"kind: {kind}" in line for kind in ("calibration", "stability", "conditions"))
    )


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("declared") / "flights"
    folder.mkdir()
    (folder / "use_case.yaml").write_text(with_three_rules((FLIGHTS / "use_case.yaml").read_text()))
    return read_use_case(folder / "use_case.yaml")


def installed(folder: Path, rules: str, **replaced: str) -> Settings:
    """Return settings of an installation with one policy, and the flights with some texts replaced."""
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "house.yaml").write_text(rules)
    shutil.copytree(FLIGHTS, folder / "use_cases" / "flights")
    declared = folder / "use_cases" / "flights" / "use_case.yaml"
    text = with_three_rules(declared.read_text())
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    declared.write_text(text)
    return Settings(
        _env_file=None, home=folder, use_cases_dir=folder / "use_cases", policies_dir=folder / "policies"
    )


def test_a_looser_default_gives_way_to_the_bound(flights):
    effective = under(flights, [policy(MIN_ROWS, ALPHA)])
    assert effective.use_case.evaluation.min_rows == 800
    assert [gate.alpha for gate in effective.use_case.evaluation.gates] == [0.05, 0.05, 0.02]
    assert digest(effective.use_case.evaluation) != digest(flights.evaluation)


def test_a_bound_between_whole_numbers_takes_the_stricter_one(flights):
    effective = under(flights, [policy(MIN_ROWS | {"at_least": 800.5})])
    assert effective.use_case.evaluation.min_rows == 801


def test_a_stricter_default_stays(flights):
    effective = under(flights, [policy(MIN_ROWS | {"at_least": 100})])
    assert effective.use_case is flights


def test_a_written_value_that_loosens_is_an_error_that_says_what_to_do(tmp_path):
    rules = """
name: house
owner: risk
bounds:
  - {setting: "evaluation.gates[champion].margin", at_most: 0.02, why: "not much worse"}
"""
    with pytest.raises(UseCaseError) as wrong:
        load_use_case("flights", installed(tmp_path, rules))
    assert str(wrong.value).endswith(
        "use_case.yaml: evaluation.gates[2].margin: 0.03 loosens policy house, which asks for at most 0.02 "
        "(not much worse); correct it or leave it out"
    )
    tightened = installed(tmp_path / "other", rules, **{"margin: 0.03": "margin: 0.01"})
    assert load_use_case("flights", tightened).evaluation.gates[2].margin == 0.01


def test_a_required_rule_is_added_once(flights):
    rules = [policy(gates=[CARD]), policy(gates=[CARD])]
    effective = under(flights, rules)
    assert [gate.kind for gate in effective.use_case.evaluation.gates][3:] == ["conditions"]
    assert under(effective.use_case, rules).use_case == effective.use_case


def test_a_policy_holds_for_whom_it_names(flights):
    assert under(flights, [policy(MIN_ROWS, applies_to=["credit_*"])]).use_case is flights
    assert under(flights, [policy(MIN_ROWS, applies_to=["credit_*", "fl*"])]).use_case is not flights


def test_every_value_tells_where_it_comes_from(flights):
    effective = under(flights, [policy(MIN_ROWS, ALPHA, gates=[CARD])])
    found = {origin.setting: origin for origin in origins(flights, effective)}
    assert found["evaluation.min_rows"][1:] == (800, "policy house", "at least 800")
    assert found["evaluation.gates[2].alpha"][1:] == (0.02, "policy house", "at most 0.02")
    assert found["evaluation.gates[2].margin"][1:] == (0.03, "file", "")
    assert found["evaluation.gates[2].power"].source == "default"
    assert found["evaluation.gates[3].model_card"].source == "policy house"
    assert found["training.seed"].source == "default"


WRONG = {
    "no such setting": (
        "bounds: [{setting: evaluation.minrows, at_least: 1, why: x}]",
        "bounds[0].setting: 'evaluation.minrows' is no number or word that a use case sets",
    ),
    "a whole section": (
        "bounds: [{setting: monitoring.drift, at_least: 1, why: x}]",
        "bounds[0].setting: 'monitoring.drift' is no number or word",
    ),
    "no such kind of rule": (
        "bounds: [{setting: 'evaluation.gates[flor].alpha', at_least: 1, why: x}]",
        "bounds[0].setting: 'evaluation.gates[flor].alpha' is no number",
    ),
    "two limits": (
        "bounds: [{setting: evaluation.min_rows, at_least: 1, at_most: 2, why: x}]",
        "the bound of evaluation.min_rows needs exactly one of at_least, at_most, equals",
    ),
    "no reason": ("bounds: [{setting: evaluation.min_rows, at_least: 1}]", "bounds[0].why: is missing"),
    "an unknown rule": ("gates: [{kind: flor}]", "gates[0].kind: 'flor' is not possible"),
    "no mapping": ("- a list", "not readable as YAML"),
}


@pytest.mark.parametrize(("rules", "said"), WRONG.values(), ids=WRONG)
def test_a_broken_policy_closes_every_use_case(tmp_path, rules, said):
    settings = installed(tmp_path, f"name: house\nowner: risk\n{rules}\n")
    with pytest.raises(UseCaseError, match=r"house\.yaml: ") as wrong:
        load_use_case("flights", settings)
    assert said in str(wrong.value)


def test_the_shipped_policies_are_sound_and_the_flights_keep_them():
    settings = Settings(_env_file=None)
    assert [found.name for found in load_policies(settings)] == ["organisation"]
    assert load_use_case("flights", settings).name == "flights"
    assert read_policy(settings.policies_dir / "organisation.yaml").concerns("anything")


NUMBERS = st.floats(-1e6, 1e6) | st.integers(-1000, 1000)


@given(limit=NUMBERS, value=NUMBERS, tighter=st.floats(0, 1e6), low=st.booleans())
@hypothesis_settings(deadline=None)
def test_what_is_tighter_than_an_allowed_value_is_allowed(limit, value, tighter, low):
    side = {"at_least": float(limit)} if low else {"at_most": float(limit)}
    bound = Bound(setting="evaluation.min_rows", why="x", **side)
    moved = value + tighter if low else value - tighter
    assert bound.allows(moved) or not bound.allows(value)
    assert bound.allows(bound.value)
    assert not bound.allows(None)
