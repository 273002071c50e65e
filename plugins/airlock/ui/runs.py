"""What the tasks of a DAG run decided and reported, from the references that they left in XCom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airlock.links import PREFIX

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_DECISIONS, _REPORTS = f"{PREFIX}/decisions/", f"{PREFIX}/reports/"


def left_by(session: Session, dag_id: str, run_id: str) -> list[Any]:
    """Return what the tasks of a run returned, and where their buttons lead, the earliest task first."""
    from airflow.models.xcom import XComModel

    rows: list[Any] = [*session.scalars(XComModel.get_many(run_id=run_id, dag_ids=dag_id))]
    return [XComModel.deserialize_value(row) for row in sorted(rows, key=lambda row: row.timestamp)]


def references_in(values: Iterable[Any]) -> tuple[list[str], list[str]]:
    """Return the ids that may be decisions, and the addresses of reports, in order and once each.

    A task returns ids of several kinds of things; only the ledger can tell which of them are decisions. One
    that was refused or skipped returned nothing, but its buttons lead somewhere.

    >>> references_in([{"drift_id": "d1", "report": "flights/x"}, "/airlock/decisions/d2"])
    (['d1', 'd2'], ['flights/x'])
    """
    ids: dict[str, None] = {}
    reports: dict[str, None] = {}
    for value in values:
        if isinstance(value, Mapping):
            ids |= {text: None for key, text in value.items() if key.endswith("_id") and _told(text)}
            reports |= {text: None for key, text in value.items() if key == "report" and _told(text)}
        elif isinstance(value, str) and value.startswith(_DECISIONS):
            ids[value.removeprefix(_DECISIONS)] = None
        elif isinstance(value, str) and value.startswith(_REPORTS):
            reports[value.removeprefix(_REPORTS)] = None
    return list(ids), list(reports)


def _told(value: object) -> bool:
    return isinstance(value, str) and bool(value)
