"""In production no command changes a store by itself; a new command says which kind it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import COMMANDS, main
from include.settings import PROJECT_ROOT, get_settings

# What a command may do. Whoever adds one has to say it here.
READS = {
    "status", "health", "use-cases", "policy", "features", "decisions", "lineage", "champions", "replay",
    "backtest", "triggers", "verify", "simulate", "reproduce",
}  # fmt: skip
# They make something new in a place of its own, or start the servers whose roles bind everybody else.
APART = {"demo", "serve", "scaffold", "up-local", "component", "secrets", "backup"}
# What is put back is a whole installation, by whoever may write all of its stores; Airflow is down meanwhile.
OPERATORS = {"restore"}
BY_AIRFLOW = {
    "rollback": "rollback flights --reason x",
    "quarantine": "quarantine release flights 2013-01-01 --all",
}
REFUSED = {
    "land": "land --from 2013-01-01 --to 2013-01-02",
    "rebuild-features": "rebuild-features flights --from 2013-01-01 --to 2013-01-02",
    "materialise": "materialise flights",
}


def test_every_command_is_of_a_kind() -> None:
    kinds = READS | APART | OPERATORS | set(BY_AIRFLOW) | set(REFUSED)
    assert set(COMMANDS) - kinds == set(), "say in this test what the command may do in production"


LINES = [*BY_AIRFLOW.values(), *REFUSED.values(), "quarantine discard flights 2013-01-01 --row 1 --reason x"]


@pytest.mark.parametrize("line", LINES)
def test_nothing_is_changed_without_airflow(line: str, tmp_path: Path) -> None:
    get_settings.cache_clear()
    environment = {
        "AIRLOCK_PRODUCTION": "true",
        "AIRLOCK_HOME": str(tmp_path),
        "AIRLOCK_USE_CASES_DIR": str(PROJECT_ROOT / "include" / "use_cases"),
    }
    done = CliRunner().invoke(main, line.split(), env=environment)
    get_settings.cache_clear()
    assert done.exit_code == 1, done.output
    assert "in production (AIRLOCK_PRODUCTION)" in done.output
    assert list(tmp_path.rglob("*")) == []
