"""What Airflow's REST API answers, as far as Airlock reads it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_FINISHED = ("success", "failed")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Dag(_Answer):
    """A DAG as Airflow knows it; `next_run_after` is when its schedule starts the next run, if it does."""

    dag_id: str
    is_paused: bool
    has_import_errors: bool
    relative_fileloc: str | None
    timetable_summary: str | None
    timetable_partitioned: bool
    next_run_after: datetime | None = Field(validation_alias="next_dagrun_run_after")


class DagRun(_Answer):
    """One run of a DAG."""

    run_id: str = Field(validation_alias="dag_run_id")
    dag_id: str
    state: str
    run_type: str
    partition_key: str | None
    logical_date: datetime | None
    run_after: datetime
    start_date: datetime | None
    end_date: datetime | None
    conf: dict[str, Any] | None

    @property
    def finished(self) -> bool:
        return self.state in _FINISHED


class Task(_Answer):
    """One task of a run; its state is None until it is scheduled."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    start_date: datetime | None
    end_date: datetime | None
    operator: str | None


class ImportProblem(_Answer):
    """A DAG file that Airflow could not load."""

    filename: str
    stack_trace: str


class Backfill(_Answer):
    """A range of partitions that Airflow runs on demand."""

    id: int
    dag_id: str
    from_date: datetime
    to_date: datetime
    completed_at: datetime | None
