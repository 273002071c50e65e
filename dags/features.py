"""
### Features: one data date, from the published batch to features and labels

**What it does.** Runs the functions of `features.py` over the batch, joins the side tables as they were
known before each event, checks the result and publishes it. Labels are written beside it, with the date
from which they are known.

**When it is red.** The features gate refused (nulls, rows, keys), or a definition in `features.py` fails;
the message names it. Only this partition is held back from scoring and training. Correct the definition or
the batch and clear the task. It is safe to repeat.
"""

from airflow.sdk import DAG, PartitionedAssetTimetable

from airlock.declaration import asset, common, declared
from airlock.notifiers import alerting
from airlock.operators.features import BuildFeaturesOperator

for use_case in declared("features"):
    with DAG(
        **common(use_case, "features", __doc__),
        schedule=PartitionedAssetTimetable(assets=asset(use_case, "batches")),
    ):
        BuildFeaturesOperator(
            task_id="build",
            use_case=use_case.name,
            outlets=[asset(use_case, "features")],
            **alerting(use_case.name, "features"),
        )
