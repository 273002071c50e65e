"""
### Rebuild features: many past dates at once

**Start it** with `{"from": "2013-01-01", "to": "2013-03-31"}`, or by `./airlock rebuild-features`. Dates
whose features are not what their definitions, batch, side tables and history say are built again; with
`"all": true` every date is. Scoring and monitoring follow for the dates that changed, by partition.

**When `refused` is red,** the features gate refused at least one date; the message names them with their
decisions, and the other dates are published. **When `rebuild` is red,** the range is wrong or a definition
fails. Correct the definition or the batch and start it again: what is right already changes no byte.
"""

from airflow.sdk import DAG, Param

from airlock.declaration import asset, common, declared
from airlock.operators.features import RebuildFeaturesOperator, RefusedDatesOperator

for use_case in declared("rebuild_features"):
    with DAG(
        **common(use_case, "rebuild_features", __doc__) | {"end_date": None},
        schedule=None,
        params={
            "from": Param(type="string", format="date", description="first date"),
            "to": Param(type="string", format="date", description="last date"),
            "all": Param(False, type="boolean", description="build every date, not only those out of date"),
        },
    ):
        # Old dates page nobody: no alerting here.
        rebuild = RebuildFeaturesOperator(
            task_id="rebuild", use_case=use_case.name, outlets=[asset(use_case, "features")]
        )
        rebuild >> RefusedDatesOperator(task_id="refused", use_case=use_case.name, rebuilt_by="rebuild")
