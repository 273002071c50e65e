"""How many rows and values a batch has, and how that compares with earlier batches."""

from __future__ import annotations

from include.decisions import Verdict
from include.ingestion.evidence import VolumeResult
from include.ingestion.staged import StagedTable
from include.stats.conformal import volume_p_value
from include.use_case import UseCase
from include.workspace import Workspace

GATE = "ingestion"


def count_rows(use_case: UseCase, staged: StagedTable) -> dict[str, int]:
    """Count the rows, and the values of the columns that the contract watches."""
    import pyarrow.parquet as pq

    watched = use_case.contract.volume.values_of
    values = dict.fromkeys(watched, staged.rows)
    for batch in pq.ParquetFile(staged.path).iter_batches(columns=watched) if watched else ():
        for column in watched:
            values[column] -= batch.column(column).null_count
    return {"": staged.rows} | values


def rank_volumes(
    use_case: UseCase, partition: str, counts: dict[str, int], workspace: Workspace
) -> list[VolumeResult]:
    """Rank the rows, and the values of the columns that the contract names, among earlier batches."""
    rule = use_case.contract.volume
    refused: dict[str, dict[str, int]] = {}
    for decision in workspace.ledger.find(use_case=use_case.name, gate=GATE, verdict=Verdict.REFUSE):
        counted = decision.evidence["counts"]
        if decision.partition is not None and counted:
            refused.setdefault(decision.partition, counted)  # the newest stands first
    found: list[VolumeResult] = []
    for column, count in counts.items():
        past = {day: figures[column] for day, figures in refused.items() if column in figures}
        past |= workspace.lake.value_counts(use_case.name, "batches", column)
        earlier = {day: value for day, value in past.items() if day < partition}
        rank = volume_p_value(
            partition, earlier | {partition: count}, weeks=rule.same_weekdays, past=rule.history
        )
        if rank is not None:
            found.append(
                VolumeResult(
                    column=column,
                    count=count,
                    expected=rank.expected,
                    deviation=rank.deviation,
                    past=rank.past,
                    p_value=rank.p_value,
                )
            )
    return found
