"""Buttons on a task that lead to its decision and to its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

PREFIX = "/airlock"


class _ReferenceLink(BaseOperatorLink):
    """A page that shows one of the references which the task returned."""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        # The task runner passes the running task instance, and stores what is returned here.
        return self.address(getattr(operator, "references", {}))

    def address(self, references: dict[str, Any]) -> str:
        raise NotImplementedError


class DecisionLink(_ReferenceLink):
    """The newest decision of the task."""

    name = "Decision"

    def address(self, references: dict[str, Any]) -> str:
        decision_id = references.get("decision_id")
        return f"{PREFIX}/decisions/{decision_id}" if decision_id else f"{PREFIX}/"


class ReportLink(_ReferenceLink):
    """The report of the monitored partition."""

    name = "Report"

    def address(self, references: dict[str, Any]) -> str:
        report = references.get("report")
        return f"{PREFIX}/reports/{report}" if report else ""
