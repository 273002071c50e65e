"""
### Report: the page on one watched data date

**What it does.** Draws what moved, why it matters and how drift and loss ran before, from the verdicts that
monitoring recorded, and Evidently's report beside it (*Report* on the task). It decides nothing, so days are
drawn beside each other, when no other stage wants the slot.

**When it is red.** A store did not answer for a long time, or a page could not be drawn. Verdicts, alerts and
trainings are not touched. Clear the task; it is safe to repeat.
"""

from airflow.sdk import DAG, PartitionedAssetTimetable

from airlock.declaration import SIDE_BY_SIDE, asset, common, declared
from airlock.operators.monitoring import PublishReportOperator

for use_case in declared("report"):
    if not use_case.monitoring.report:
        continue
    with DAG(
        **common(use_case, "report", __doc__) | SIDE_BY_SIDE,
        schedule=PartitionedAssetTimetable(assets=asset(use_case, "health")),
    ):
        PublishReportOperator(task_id="report", use_case=use_case.name)
