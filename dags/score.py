"""
### Scoring: one data date, with the champion of that date

**What it does.** Asks the ledger which model was in use on the partition's date, checks the model's files
against their hash, and writes one prediction a row, each naming its model version and the decision that
promoted it.

**When it is pink (skipped).** There was no champion on that date yet. Train one with `<use case>.train`.

**When it is red.** The features were built with other definitions than the champion learned from (train a
new model), or the model's files were changed (restore them). It is safe to repeat: an old date is scored by
the model of its own time.
"""

from airflow.sdk import DAG, PartitionedAssetTimetable

from airlock.declaration import asset, common, declared
from airlock.operators.scoring import ScorePartitionOperator

for use_case in declared("score"):
    with DAG(
        **common(use_case, "score", __doc__),
        schedule=PartitionedAssetTimetable(assets=asset(use_case, "features")),
    ):
        ScorePartitionOperator(
            task_id="score", use_case=use_case.name, outlets=[asset(use_case, "predictions")]
        )
