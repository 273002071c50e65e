"""
### Monitoring: one scored data date

**What it does.** Ranks the partition's drift in the stream's own history, compares the loss on the labels
that have arrived with the champion's loss on its holdout, writes Evidently's report (*Report* on the task),
and decides whether to order a training. Every verdict is in the ledger, also the one that orders nothing.

**`order_training` is pink (skipped) nearly always.** It runs when enough of the last days were marked,
outside the cool-down and within the budget. What it starts is a training whose candidate must pass every
gate; an alarm deploys nothing.

**When it is red.** A store did not answer for a long time, or a table is missing. Clear the task; it is
safe to repeat.
"""

from airflow.sdk import DAG, PartitionedAssetTimetable

from airlock.declaration import asset, common, declared
from airlock.notifiers import alerting
from airlock.operators.monitoring import MonitorPartitionOperator, OrderTrainingOperator

for use_case in declared("monitor"):
    with DAG(
        **common(use_case, "monitor", __doc__),
        schedule=PartitionedAssetTimetable(assets=asset(use_case, "predictions")),
    ):
        monitor = MonitorPartitionOperator(
            task_id="monitor",
            use_case=use_case.name,
            outlets=[asset(use_case, "health")],
            **alerting(use_case.name, "drift", "performance", "quality", "concept"),
        )
        order = OrderTrainingOperator(
            task_id="order_training", train_dag_id=f"{use_case.name}.train", monitored_by=monitor.task_id
        )
        monitor >> order
