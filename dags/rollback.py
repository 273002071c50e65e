"""
### Rollback: an earlier champion is put in use again

**Start it** with `{"reason": "why"}`, and `{"to": "3", "reason": "why"}` for another version than the
champion before. Who started it and the reason stand in the decision. The version decides from the day after
the newest scored partition on; what was scored stays as it is. The model that was taken out of use is not
promoted again; the next training is compared with the one in use.

**When `roll_back` is red,** there is no earlier champion, the version never was one, the reason is missing,
or the version cannot score today's features; the message says which. Nothing has changed then.
`./airlock rollback` does the same from the command line.
"""

from airflow.sdk import DAG, Param

from airlock.declaration import asset, common, declared
from airlock.operators.promotion import RollBackChampionOperator

for use_case in declared("rollback"):
    with DAG(
        **common(use_case, "rollback", __doc__) | {"end_date": None},
        schedule=None,
        params={
            "to": Param(
                None,
                type=["null", "string"],
                pattern="^[0-9]+$",
                description="version to return to; the champion before this one when empty",
            ),
            "reason": Param("", type="string", minLength=1, maxLength=500, description="why, for the record"),
        },
    ):
        RollBackChampionOperator(
            task_id="roll_back", use_case=use_case.name, outlets=[asset(use_case, "champion")]
        )
