"""Flags change a declaration at run time; what cannot be followed leaves the declared value, and is told."""

import pytest
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from include.errors import ConfigurationError
from include.flags import read_flags, switched
from include.settings import Settings

SEVERITY = "flights.contract.columns.origin.severity"
WEATHER = "flights.source.side_tables.weather.contract.columns.precip.severity"
MODE = "flights.contract.mode"


@pytest.fixture
def flags(settings):
    def write(text):
        settings.home.mkdir(parents=True, exist_ok=True)
        settings.flags.write_text(text, encoding="utf-8")
        return settings

    return write


def test_without_a_file_everything_is_as_declared(flights, settings):
    now, switches = switched(flights, settings)
    assert now is flights
    assert (switches.seen, switches.problems) == ({}, [])


def test_flags_are_named_after_the_settings_that_they_change(flights, flags):
    text = f"{SEVERITY}: warn\n{MODE}: fail_open\n{WEATHER}: refuse\nother.contract.mode: fail_open\n"
    now, switches = switched(flights, flags(text))
    assert now.contract.columns["origin"].severity == "warn"
    assert now.contract.columns["dest"].severity == "refuse"
    assert now.contract.mode == "fail_open"
    assert now.source.side_tables["weather"].contract.columns["precip"].severity == "refuse"
    assert switches.seen == {SEVERITY: "warn", MODE: "fail_open", WEATHER: "refuse"}
    assert switches.problems == []
    assert now.contract_hash != flights.contract_hash
    assert flights.contract.mode == "fail_closed"


def test_every_rule_can_be_switched_by_its_name(flights, flags):
    name = "flights.contract.rules.hour.range.severity"
    now, switches = switched(flights, flags(f"{name}: quarantine\nflights.contract.drift.severity: refuse"))
    assert now.contract.severity_of("hour.range", "refuse") == "quarantine"
    assert now.contract.drift.severity == "refuse"
    assert switches.seen == {name: "quarantine", "flights.contract.drift.severity": "refuse"}
    _, switches = switched(flights, flags("flights.contract.rules.volume.severity: quarantine"))
    assert switches.problems == [
        "flag flights.contract.rules.volume.severity: 'quarantine' is no possible value; "
        "what is declared applies"
    ]


def test_the_file_is_read_for_every_decision(flights, flags):
    assert switched(flights, flags(f"{MODE}: fail_open"))[0].contract.mode == "fail_open"
    assert switched(flights, flags(f"{MODE}: fail_closed"))[1].seen == {MODE: "fail_closed"}
    assert switched(flights, flags(""))[1].seen == {}


PROBLEMS = {
    "no YAML": ("a: [", "not readable as YAML"),
    "bytes": ("\x00", "not readable as YAML"),
    "a list": ("- a", "are no mapping"),
    "a number": (f"{MODE}: 3", f"'{MODE}' is 3; use a text, true or false"),
    "a value that is none": (
        f"{MODE}: open",
        f"flag {MODE}: 'open' is no possible value; 'fail_closed' applies",
    ),
    "another type": (f"{MODE}: true", f"flag {MODE} cannot be read (TYPE_MISMATCH); 'fail_closed' applies"),
    "a rule that is none": ("flights.contract.rules.x.severity: warn", "x.severity names no setting"),
    "a slip": ("flights.contract.mod: fail_open", "flag flights.contract.mod names no setting that can be"),
    "a threshold": ("flights.contract.alpha: '0.2'", "flag flights.contract.alpha names no setting"),
}


@pytest.mark.parametrize(("text", "said"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_cannot_be_followed_is_told_and_changes_nothing(text, said, flights, flags):
    now, switches = switched(flights, flags(text))
    assert now == flights
    assert switches.seen == {}
    assert len(switches.problems) == 1
    assert said in switches.problems[0]


def test_a_wrong_flag_leaves_the_others_in_force(flights, flags):
    now, switches = switched(flights, flags(f"{MODE}: open\n{SEVERITY}: warn"))
    assert (now.contract.mode, now.contract.columns["origin"].severity) == ("fail_closed", "warn")
    assert len(switches.problems) == 1


def test_a_file_that_somebody_named_must_exist(flights, tmp_path):
    missing = Settings(_env_file=None, home=tmp_path, flags_file=str(tmp_path / "none.yaml"))
    assert "none.yaml: cannot be read" in switched(flights, missing)[1].problems[0]
    with pytest.raises(ConfigurationError, match=r"none.yaml: cannot be read: No such file"):
        read_flags(tmp_path / "none.yaml")


def test_masking_can_be_switched_off_and_every_decision_says_so(flights, flags):
    columns = {name: column.model_dump() for name, column in flights.contract.columns.items()}
    columns["tailnum"] = {"type": "string", "max_null_share": 0.2, "pii": {"method": "hash"}}
    contract = flights.contract.model_dump() | {"columns": columns}
    personal = type(flights).model_validate(flights.model_dump() | {"contract": contract})
    now, switches = switched(personal, flags("flights.privacy.masking: false"))
    assert now.contract.columns["tailnum"].pii is None
    assert switches.seen == {"flights.privacy.masking": False}
    assert switches.problems == ["privacy.masking is off: declared personal data are written in clear"]


class Company(InMemoryProvider):
    """A provider such as a company has one."""

    def __init__(self):
        super().__init__({MODE: InMemoryFlag("on", {"on": "fail_open"})})


class Broken(InMemoryProvider):
    """A provider that answers nothing."""

    def __init__(self):
        super().__init__({})

    def resolve_string_details(self, flag_key, default_value, evaluation_context=None):
        return FlagResolutionDetails(default_value, error_code=ErrorCode.PROVIDER_NOT_READY)


def provided(tmp_path, name):
    return Settings(_env_file=None, home=tmp_path, flags_provider=f"{__name__}:{name}")


@pytest.fixture
def _importable(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this_module())


def _this_module():
    import types

    module = types.ModuleType(__name__)
    module.Company, module.Broken = Company, Broken
    return module


@pytest.mark.usefixtures("_importable")
def test_another_provider_is_a_setting(flights, tmp_path):
    now, switches = switched(flights, provided(tmp_path, "Company"))
    assert (now.contract.mode, switches.seen) == ("fail_open", {MODE: "fail_open"})


@pytest.mark.usefixtures("_importable")
def test_a_provider_that_does_not_answer_leaves_all_as_declared(flights, tmp_path):
    now, switches = switched(flights, provided(tmp_path, "Broken"))
    assert now == flights
    assert (
        "flag flights.contract.mode cannot be read (PROVIDER_NOT_READY); 'fail_closed' applies"
        in switches.problems
    )


@pytest.mark.parametrize("name", ["no.such:Thing", "include.flags:Nothing", "include.flags"])
def test_a_provider_that_cannot_be_made_is_a_mistake_of_configuration(name, flights, tmp_path):
    with pytest.raises(ConfigurationError, match="AIRLOCK_FLAGS_PROVIDER"):
        switched(flights, Settings(_env_file=None, home=tmp_path, flags_provider=name))
