"""DAGs that stand for any: what the API, and the memory of tasks, are like on a running Airflow."""

from __future__ import annotations

from pathlib import Path

# Two DAGs like ours: a partitioned schedule, and one that follows its asset by partition.
TOYS = '''
"""Toy DAGs."""
from datetime import datetime, timezone

from airflow.sdk import DAG, Asset, BaseOperator, CronPartitionTimetable, PartitionedAssetTimetable

batches = Asset(name="toy.batches", uri="airlock://toy/batches")
cron = CronPartitionTimetable("0 0 * * *", timezone="America/New_York", run_offset=-1, key_format="%Y-%m-%d")
common = {"start_date": datetime(2013, 1, 1, tzinfo=timezone.utc), "catchup": False, "max_active_runs": 1}
awake = {**common, "is_paused_upon_creation": False}


class Step(BaseOperator):
    def execute(self, context):
        run = context["dag_run"]
        if run.conf.get("fail") == self.task_id:
            raise RuntimeError("told to fail")
        return {"key": run.partition_key, "conf": run.conf}


with DAG("toy.ingest", schedule=cron, end_date=datetime(2014, 1, 1, tzinfo=timezone.utc), **awake):
    Step(task_id="land") >> Step(task_id="publish", outlets=[batches])

with DAG("toy.features", schedule=PartitionedAssetTimetable(assets=batches), **awake):
    Step(task_id="build")

with DAG("toy.endless", schedule=cron, **common):
    Step(task_id="work")
'''

# A task process executes the file before the operator: its first line sees what was there at the start.
REPORT = """
import sys; at_start = sorted(sys.modules)
from datetime import datetime, timezone

from airflow.sdk import DAG, BaseOperator


class Report(BaseOperator):
    def execute(self, context):
        import gc
        import os
        import psutil

        parents = [parent.pid for parent in psutil.Process().parents()]
        return {"modules": at_start, "parents": parents, "pid": os.getpid(), "frozen": gc.get_freeze_count()}


with DAG(
    "warm.report",
    schedule=None,
    start_date=datetime(2013, 1, 1, tzinfo=timezone.utc),
    is_paused_upon_creation=False,
):
    Report(task_id="report")
"""


def write_toys(folder: Path) -> None:
    for name, source in (("toys", TOYS), ("report", REPORT)):
        (folder / f"{name}.py").write_text(source.lstrip(), encoding="utf-8")
