"""
### Quarantine: rows that were set aside are let in, or given up

**Start it** with `{"action": "release", "partition": "2013-02-11", "rules": ["distance.range"]}`, or with
`discard` and a `reason`. Without `rows` and `rules` all rows that are held there are meant. The gate looks at
them again by the contract as it is now; a `reason` for a release waives what they were set aside for, and
stands in the decision with your name. Then run `<use case>.features` of that date again.

**When `settle` is red,** no such row is held, or a row breaks a rule that is not waived; *Decision* says
which. Nothing has changed then. `./airlock quarantine` does the same from the command line. It is safe to
repeat.
"""

from airflow.sdk import DAG, Param

from airlock.declaration import common, declared
from airlock.operators.ingestion import SettleQuarantineOperator

for use_case in declared("quarantine"):
    with DAG(
        **common(use_case, "quarantine", __doc__) | {"end_date": None},
        schedule=None,
        params={
            "action": Param("release", type="string", enum=["release", "discard"]),
            "partition": Param("", type="string", pattern=r"^\d{4}-\d{2}-\d{2}$", description="data date"),
            "table": Param("batch", type="string", pattern="^[a-z][a-z0-9_]{0,62}$"),
            "rows": Param(None, type=["null", "array"], items={"type": "integer", "minimum": 0}),
            "rules": Param(None, type=["null", "array"], items={"type": "string", "maxLength": 200}),
            "reason": Param("", type="string", maxLength=500, description="why, for the record"),
        },
    ):
        SettleQuarantineOperator(task_id="settle", use_case=use_case.name)
