"""What rules may look at beside the rows that they judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from include import partitions
from include.ingestion.staged import StagedTable
from include.use_case import UseCase
from include.workspace import Workspace

if TYPE_CHECKING:
    import great_expectations as gx
    import pandas as pd
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult


@dataclass(frozen=True)
class Report:
    """One suite and its results, in the words of Great Expectations."""

    table: str
    suite: gx.ExpectationSuite
    results: ExpectationSuiteValidationResult


@dataclass(frozen=True)
class RuleContext:
    """What rules may look at beside the rows that they judge.

    Attributes:
        partition: key of the partition that landed.
        folder: the task's own, for files in between.
        tables: all staged tables of the delivery, for rules that refer to another one.
        workspace: where earlier batches and files of reference are; without it, rules that need them are not
            judged, and say so.
        profiles: of the days before, as `profiles_before` gives them.
        references: files that are not by the day, as they are on disk now.
        reports: what was evaluated, one for each table, in order.
    """

    use_case: UseCase
    partition: str
    folder: Path
    tables: dict[str, StagedTable]
    workspace: Workspace | None = None
    profiles: pd.DataFrame | None = None
    references: dict[str, Path] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)


def profiles_before(workspace: Workspace, use_case: str, partition: str, days: int) -> pd.DataFrame | None:
    """Return the profiles of the batches of the days before a partition; None when there are none.

    Only what was known when the partition came in counts, so that a repeat years later sees the same.
    """
    first = partitions.shift(partition, -days)
    known = [day for day in workspace.lake.partitions(use_case, "profiles") if first <= day < partition]
    if not known:
        return None
    rows = workspace.lake.read(
        use_case, "profiles", partitions=known, known_by=partitions.available_at(partition)
    )
    return rows if len(rows) else None
