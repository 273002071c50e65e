"""The operators of a rebuild, with what Airflow hands them: partitions that changed, and refused dates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset

from airlock.operators.features import RebuildFeaturesOperator, RefusedDatesOperator
from include.errors import ConfigurationError, GateRefused, NothingToDo
from include.features import rebuilding
from include.features.rebuilding import Rebuilt

FEATURES = Asset(name="trips.features", uri="airlock://trips/features")
STALE = ["2013-01-02", "2013-01-03"]


def context(rebuilt: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    told: list[str] = []
    return {
        "params": {"from": "2013-01-01", "to": "2013-01-04", "all": False} | params,
        "dag_run": SimpleNamespace(triggering_user_name="ada"),
        "outlet_events": {FEATURES: SimpleNamespace(add_partitions=told.extend)},
        "ti": SimpleNamespace(xcom_pull=lambda task_ids: rebuilt),
        "told": told,
    }


def rebuild(monkeypatch: pytest.MonkeyPatch, found: Rebuilt, asked: dict[str, Any]) -> list[str]:
    """Run the operator's step on a stage that finds this; return the dates that it was asked to build."""
    wanted: list[str] = []

    def built(use_case: Any, days: list[str], *, actor: str, workspace: Any) -> Rebuilt:
        assert actor == "ada"
        wanted.extend(days)
        return found

    monkeypatch.setattr(rebuilding, "stale", lambda use_case, days, workspace: dict.fromkeys(STALE, "why"))
    monkeypatch.setattr(rebuilding, "rebuild", built)
    operator = RebuildFeaturesOperator(task_id="rebuild", use_case="trips", outlets=[FEATURES])
    operator.step(asked, None, None)  # type: ignore[arg-type]
    return wanted


def test_what_changed_is_told_by_partition_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = context()
    found = Rebuilt(changed=["2013-01-03"], unchanged=["2013-01-02"])
    assert rebuild(monkeypatch, found, asked) == STALE
    assert asked["told"] == ["2013-01-03"]
    every = context(all=True)
    assert len(rebuild(monkeypatch, found, every)) == 4


@pytest.mark.parametrize(
    ("params", "error"),
    [({}, NothingToDo), ({"to": "2012-12-31"}, ConfigurationError), ({"from": "soon"}, ConfigurationError)],
    ids=["nothing changed", "reversed", "no date"],
)
def test_a_run_that_changes_nothing_tells_nobody(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, str], error: type[Exception]
) -> None:
    asked = context(**params)
    with pytest.raises(error):
        rebuild(monkeypatch, Rebuilt(unchanged=STALE), asked)
    assert asked["told"] == []


def test_refused_dates_fail_after_the_others_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = context()
    rebuild(monkeypatch, Rebuilt(changed=STALE[:1], refused={STALE[1]: "d1"}), asked)
    assert asked["told"] == STALE[:1]
    after = RefusedDatesOperator(task_id="refused", use_case="trips", rebuilt_by="rebuild")
    with pytest.raises(GateRefused, match="2013-01-03: decision d1") as refused:
        after.step(context({"refused": {STALE[1]: "d1"}}), None, None)  # type: ignore[arg-type]
    assert refused.value.decision_id == "d1"
    for nothing in ({"refused": {}}, None):
        assert after.step(context(nothing), None, None) == {}  # type: ignore[arg-type]
