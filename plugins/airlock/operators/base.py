"""What all operators share: the use case, the data time of the run, and what an error means to Airflow."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from airlock.links import DecisionLink
from airlock.observing import observed
from include.errors import ConfigurationError, GateRefused, GateUndecided, NothingToDo, TrainingNotNeeded

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import BaseOperatorLink, Context
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    from include.use_case import UseCase
    from include.workspace import Workspace


class AirlockOperator(BaseOperator):
    """Run one step of a use case's lifecycle.

    A step returns references only: ids, versions, partitions. A refusal or an outage is raised as it is, and
    the task's retry policy knows which is which. A step that has nothing to do, or whose gate is undecided,
    is skipped with its reason, and so is everything after it.

    :param use_case: name of the use case.
    """

    template_fields = ("use_case",)
    operator_extra_links: tuple[BaseOperatorLink, ...] = (DecisionLink(),)
    ui_color = "#e8eef7"
    # Tables of the lake that a step reads and writes, for OpenLineage; `side tables` and `model` as well.
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    # Its name in the metrics and logs, see docs/metrics.md.
    stage: str = "other"

    def __init__(self, *, use_case: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_case = use_case
        self.references: dict[str, Any] = {}
        self.partition: str | None = None

    @abstractmethod
    def step(self, context: Context, use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
        """Do the work and return references to what was made."""

    def execute(self, context: Context) -> dict[str, Any]:
        from include.workspace import Workspace

        workspace = Workspace()
        self.partition = context["dag_run"].partition_key
        try:
            with observed(self.stage, self.use_case, self.partition, workspace):
                self.references = self.step(context, workspace.use_case(self.use_case), workspace)
        except (NothingToDo, GateUndecided) as reason:
            self._remember(reason)
            self.log.info("Skipped: %s", reason)
            raise AirflowSkipException(str(reason)) from None
        except GateRefused as refusal:
            self._remember(refusal)
            self.emit_metrics(workspace)
            raise
        self.emit_metrics(workspace)
        return self.references

    def emit_metrics(self, workspace: Workspace) -> None:
        """Send the figures of a step that was decided on; most have none."""

    def get_openlineage_facets_on_complete(
        self, task_instance: RuntimeTaskInstance
    ) -> OperatorLineage[Any, Any]:
        """Tell OpenLineage's listener what was read and written."""
        from airlock.openlineage_events import lineage_of
        from include.workspace import Workspace

        return lineage_of(self, Workspace(), self.partition, published=True)

    def get_openlineage_facets_on_failure(
        self, task_instance: RuntimeTaskInstance
    ) -> OperatorLineage[Any, Any]:
        """Tell what was read, and the decision that shut the door; nothing was written."""
        from airlock.openlineage_events import lineage_of
        from include.workspace import Workspace

        return lineage_of(self, Workspace(), self.partition, published=False)

    def _remember(self, reason: Exception) -> None:
        """Let the task's link lead to the decision that shut the door."""
        if isinstance(reason, GateRefused | GateUndecided | TrainingNotNeeded):
            self.references = {"decision_id": reason.decision_id}


def partition_of(context: Context) -> str:
    """Return the data date of a run.

    Raises:
        ConfigurationError: the run was started without one.
    """
    key = context["dag_run"].partition_key
    if not key:
        raise ConfigurationError(
            "This run has no partition. Start it with a partition_key, e.g. 2013-02-11, or as a backfill"
        )
    return key


def actor_of(context: Context) -> str:
    """Return who asked for a run: a user's name, or the kind of run that started it."""
    return context["dag_run"].triggering_user_name or run_type_of(context)


def run_type_of(context: Context) -> str:
    """Return the kind of a run: `scheduled`, `manual`, `backfill` or `asset_triggered`."""
    run_type = context["dag_run"].run_type
    return str(getattr(run_type, "value", run_type))
