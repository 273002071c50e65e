"""
### Maintenance: proof that the records hold, and tidy tables

**When `verify_ledger` is red,** a recorded decision was changed, removed or inserted. Nothing that came
after it is proven; restore the ledger from a backup and compare. Keep the head that this task returns
somewhere else.

**When `reconcile_…` is red,** MLflow's champion alias is not the version that the ledger promoted: somebody
moved it past the gates, or a promotion was cut short. Scoring follows the ledger meanwhile.

**When `watch_…` is red,** a use case has had no batches, labels, predictions or monitoring for longer than
its schedule allows: its DAGs are paused, fail, or wait for files. One whose `end_date` has passed is quiet.

`retain_…` removes what is older than the use case's `retention.days`; its decision says what, and what was
kept because a model in use was trained on it. Rows of feature sets that nobody needs any more go as well.

`tidy_runs_…` marks runs of MLflow as deleted that no decision names, such as trainings that were cut short.

`tidy_…` merges small files and removes those that no version of the last 90 days needs.
"""

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable

from airlock.declaration import RETRY_POLICY, declared_for_maintenance
from airlock.notifiers import alerting
from airlock.operators.maintenance import (
    DiscardRunsOperator,
    EnforceRetentionOperator,
    MaintainTablesOperator,
    ReconcileAliasOperator,
    VerifyLedgerOperator,
    WatchUseCaseOperator,
)

with DAG(
    dag_id="airlock.maintenance",
    dag_display_name="airlock · maintenance",
    description="ledger verification, alias reconciliation, compaction, retention",
    doc_md=__doc__,
    tags=["airlock", "maintenance"],
    schedule=CronTriggerTimetable("30 5 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2013, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "airlock", "retries": 3, "retry_policy": RETRY_POLICY},
):
    VerifyLedgerOperator(task_id="verify_ledger")
    for use_case in declared_for_maintenance():
        name = use_case.name
        ReconcileAliasOperator(task_id=f"reconcile_{name}", use_case=name, **alerting(name, "alias"))
        WatchUseCaseOperator(task_id=f"watch_{name}", use_case=name, **alerting(name, "watch"))
        DiscardRunsOperator(task_id=f"tidy_runs_{name}", use_case=name)
        retain = EnforceRetentionOperator(task_id=f"retain_{name}", use_case=name)
        # Nothing to remove is no reason to leave the tables untidy.
        retain >> MaintainTablesOperator(task_id=f"tidy_{name}", use_case=name, trigger_rule="none_failed")
