"""Chores: the alias is compared, never moved, and tidying keeps every version that retention promises."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from include.decisions import Verdict
from include.errors import GateRefused
from include.maintenance.stage import ALIAS_GATE, AliasEvidence, check_alias, maintain_tables, reconcile_alias
from include.use_case import UseCase
from include.workspace import Workspace


@pytest.mark.parametrize(
    ("alias", "ledger", "verdict"),
    [
        pytest.param(None, None, Verdict.PASS, id="cold start"),
        pytest.param("3", "3", Verdict.PASS, id="they agree"),
        pytest.param("4", "3", Verdict.REFUSE, id="moved by hand"),
        pytest.param(None, "3", Verdict.REFUSE, id="promotion cut short"),
        pytest.param("1", None, Verdict.REFUSE, id="set without any promotion"),
    ],
)
def test_the_alias_gate(alias: str | None, ledger: str | None, verdict: Verdict) -> None:
    ruling = check_alias(AliasEvidence(alias_version=alias, ledger_version=ledger))
    assert ruling.verdict is verdict
    assert all(part in ruling.reasons[0] for part in (alias, ledger) if part)


class Registry:
    """Says what MLflow would say; a real one stands in tests/lifecycle."""

    def __init__(self, version: str | None) -> None:
        self.version = version

    def alias_version(self, use_case: str, alias: str) -> str | None:
        return self.version


def test_a_moved_alias_is_recorded_and_raised(workspace: Workspace, flights: UseCase) -> None:
    workspace.registry = Registry("7")  # type: ignore[assignment]
    with pytest.raises(GateRefused, match="version 7"):
        reconcile_alias(flights, actor="maintenance", workspace=workspace)
    (decision,) = workspace.ledger.find(gate=ALIAS_GATE)
    assert decision.evidence == {"kind": "alias", "alias_version": "7", "ledger_version": None}
    workspace.registry = Registry(None)  # type: ignore[assignment]
    assert reconcile_alias(flights, actor="maintenance", workspace=workspace).verdict is Verdict.PASS


def test_tidying_keeps_young_versions_readable(workspace: Workspace, flights: UseCase) -> None:
    for value in (1, 2):
        rows = pd.DataFrame({"x": [value], "known_at": [date(2013, 1, 2)]})
        workspace.lake.write_partition(
            "flights", "features", "2013-01-01", rows, source_hash=str(value), contract_hash="c"
        )
    assert maintain_tables(flights, retention_days=90, workspace=workspace) == {"features": 0}
    assert workspace.lake.read("flights", "features", version=0)["x"].tolist() == [1]
    assert workspace.lake.read("flights", "features")["x"].tolist() == [2]
