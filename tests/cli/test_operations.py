"""The runbook cannot go stale: its procedures run, and it knows every gate and every alarm."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from include.alerts.gate import WATCHED
from include.artefacts import Seal
from include.champions import newest_champion
from include.ledger import Ledger
from include.model_versions import LoggedModel
from include.replay import GATES
from include.settings import Settings
from tests.cli.lifecycle_fixture import Installation, filled
from tests.runbook import PAGE, carry_out, procedures

ALL = procedures()
ASKED_FOR = {
    "pause-retraining",
    "run-a-date",
    "backfill",
    "override",
    "roll-back",
    "restore",
    "rotate-signing-key",
    "upgrade",
}


# What is looked up and kept is no decision; what is built again is one.
DECIDING = {"rebuild-features"}


def test_the_page_knows_every_gate_and_every_procedure() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("| gate | refuses") :].split("\n\n")[0]
    listed = {name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert listed == set(GATES)
    assert set(WATCHED) <= listed
    assert {one.name for one in ALL} >= ASKED_FOR
    assert len({one.name for one in ALL}) == len(ALL)
    # A block that the tests pass over would go stale.
    assert text.count("```bash") == len(ALL)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return filled(tmp_path_factory.mktemp("lived")).copy(tmp_path_factory.mktemp("operations"))


def _overridden(lived: Installation, told: str) -> None:
    assert lived.workspace.use_case("flights").evaluation.mode == "fail_open"
    assert "yes" in told, "the declaration is understood"


def _rotated(lived: Installation, told: str) -> None:
    named = told.strip().splitlines()[-1].partition("=")[2]
    settings = lived.workspace.settings.model_copy(update={"signing_public_key": named})
    champion = newest_champion(lived.workspace.ledger, "flights")
    assert champion is not None
    registry = lived.workspace.registry
    model: LoggedModel = registry.version_model("flights", champion.version)
    folder = registry._download(model.uri, Path(settings.home, "rotated"))
    Seal(settings).verify(folder, model.uri)
    Seal(settings).sign(folder)
    Seal(settings).verify(folder, model.uri)
    new = Settings(_env_file=None, home=settings.home, signing_public_key=named.split(",")[1])
    Seal(new).verify(folder, model.uri)


def _restored(lived: Installation, told: str) -> None:
    assert "BROKEN" not in told
    found = Ledger(f"sqlite:///{lived.home.parent}/backups/restored/ledger.db")
    assert found.verify() == lived.workspace.ledger.verify()


CHECKS: dict[str, Callable[[Installation, str], None]] = {
    "override": _overridden,
    "verify": lambda lived, told: _same(told.strip(), lived.workspace.ledger.verify()[1]),
    "restore": _restored,
    "rotate-signing-key": _rotated,
}


def _same(found: str, wanted: str) -> None:
    assert found == wanted


@pytest.mark.parametrize("procedure", [one for one in ALL if one.on == "stores"], ids=lambda one: one.name)
def test_a_procedure_does_what_the_page_says(procedure, lived: Installation) -> None:
    before = lived.workspace.ledger.verify()
    done = carry_out(procedure, {"BACKUPS": str(lived.home.parent / "backups"), **lived.environment})
    assert done.returncode == 0, done.stdout + done.stderr
    if check := CHECKS.get(procedure.name):
        check(lived, done.stdout)
    if procedure.name not in DECIDING:
        assert lived.workspace.ledger.verify() == before
