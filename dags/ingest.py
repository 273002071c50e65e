"""
### Ingestion: one data date, from the landing folder to the lake

**What it does.** Copies the landed files into the raw store (by hash, never overwritten), checks them
against the contract in `use_case.yaml` with Great Expectations, records the decision, and publishes the
batch in one commit.

**When it is red.** The contract refused the batch; nothing was published and no retry will help. Open
*Decision* on the task: it names the file, the rule and the figure. Ask the upstream system for a corrected
file, put it in the same place and clear the task. A task that is *up for retry* met an outage and will try
again by itself.

**`wait_for_files` is purple (deferred)** where `source.wait` is declared: files are missing or still grow.
It holds no slot. When its patience ends it succeeds, and `ingest` refuses with what is missing.

**Repeat it at will.** The same file changes nothing. Backfill a range from the *Trigger* button or with
`airflow backfill create --dag-id <use case>.ingest --from-date ... --to-date ...`; features, scores and
monitoring follow by themselves. A backfill of old dates promotes nothing and orders no training.
"""

from airflow.sdk import DAG, CronPartitionTimetable

from airlock.deadlines import deadline
from airlock.declaration import KEY_FORMAT, asset, common, declared
from airlock.notifiers import alerting
from airlock.operators.ingestion import IngestBatchOperator, WaitForFilesOperator

for use_case in declared("ingest"):
    with DAG(
        **common(use_case, "ingest", __doc__),
        **deadline(use_case, "ingest"),
        # The run of a night ingests the day before it.
        schedule=CronPartitionTimetable(
            use_case.source.schedule, timezone=use_case.source.timezone, run_offset=-1, key_format=KEY_FORMAT
        ),
    ):
        ingest = IngestBatchOperator(
            task_id="ingest",
            use_case=use_case.name,
            outlets=[asset(use_case, "batches")],
            **alerting(use_case.name, "ingestion"),
        )
        if use_case.source.wait is not None:
            WaitForFilesOperator(task_id="wait_for_files", use_case=use_case.name) >> ingest
