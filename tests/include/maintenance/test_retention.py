"""What is older than the use case keeps is removed, but for what a model in use was trained on."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from include import partitions
from include.decisions import Decision, Verdict
from include.errors import NotFound
from include.lineage.facts import RawFile
from include.lineage.removed import tell_removed
from include.maintenance.retention import GATE, enforce_retention
from include.maintenance.stage import maintain_tables
from include.use_case import UseCase
from include.use_case_sections import Retention
from include.workspace import Workspace

DAYS = partitions.span("2013-01-01", "2013-01-20")


def write(workspace: Workspace, table: str, day: str, value: int = 1) -> None:
    rows = pd.DataFrame({"x": [value], "known_at": [date(2013, 1, 2)]})
    workspace.lake.write_partition("flights", table, day, rows, source_hash=str(value), contract_hash="c")


def decide(
    workspace: Workspace,
    gate: str,
    refs: list[str],
    *,
    as_of: str = "2013-01-12",
    partition: str | None = None,
    **evidence: object,
) -> Decision:
    return workspace.ledger.append(
        Decision(
            use_case="flights",
            gate=gate,
            partition=partition,
            as_of=as_of,
            verdict=Verdict.PASS,
            reasons=[],
            evidence={**evidence, "as_of": as_of},
            rule="r",
            error_rate=None,
            policy_hash="p",
            data_refs=refs,
            actor="ada",
        )
    )


def promote(workspace: Workspace, version: str, refs: dict[str, tuple[str, str]], *, since: str) -> None:
    """Record a champion that was trained on, and judged by, ranges of features at their version of now."""
    number = workspace.lake.version("flights", "features")
    spans = {gate: [f"flights/features@{number}[{a}..{b}]"] for gate, (a, b) in refs.items()}
    decide(workspace, "training", spans["training"], as_of=since)
    evaluation = decide(workspace, "evaluation", spans["evaluation"], as_of=since, model=version)
    decide(
        workspace,
        "promotion",
        [f"models:/flights/{version}"],
        as_of=since,
        version=version,
        run_id=f"run{version}",
        effective_from=since,
        evaluation_id=evaluation.id,
    )


@pytest.fixture
def lived(workspace: Workspace) -> Workspace:
    """Twenty days of batches and features, and a raw file for each."""
    for day in DAYS:
        for table in ("batches", "features"):
            write(workspace, table, day)
        workspace.raw.put(f"flights/batch/{day}.parquet", b"rows")
        file = {"table": "batch", "sha256": day, "raw": f"/elsewhere/{day}.parquet"}
        decide(workspace, "ingestion", [], partition=day, files=[file, file | {"raw": ""}])
    return workspace


def keeping(flights: UseCase, *, force: bool = False, **days: int) -> UseCase:
    return flights.model_copy(update={"retention": Retention(days=days, remove_training_sets=force)})


def test_by_default_everything_is_kept(lived: Workspace, flights: UseCase) -> None:
    assert enforce_retention(flights, actor="maintenance", workspace=lived) is None
    assert enforce_retention(keeping(flights, batches=19), actor="m", workspace=lived) is None
    assert lived.lake.partitions("flights", "batches") == DAYS


def test_what_is_older_is_removed_and_recorded_once(lived: Workspace, flights: UseCase) -> None:
    policy = keeping(flights, batches=7, raw=10)
    decision = enforce_retention(policy, actor="maintenance", workspace=lived)
    assert decision is not None
    assert (decision.gate, decision.verdict, decision.as_of) == (GATE, Verdict.PASS, "2013-01-21")
    assert decision.reasons == [
        "batches: 12 partitions before 2013-01-13 removed (2013-01-01..2013-01-12)",
        "raw: 9 files before 2013-01-10 removed (2013-01-01..2013-01-09)",
    ]
    assert lived.lake.partitions("flights", "batches") == DAYS[12:]
    assert lived.lake.partitions("flights", "features") == DAYS
    assert lived.raw.list() == [f"flights/batch/{day}.parquet" for day in DAYS[9:]]
    assert enforce_retention(policy, actor="maintenance", workspace=lived) is None
    assert len(lived.ledger.find(gate=GATE)) == 1


def test_a_raw_file_that_a_younger_day_needs_stays(lived: Workspace, flights: UseCase) -> None:
    recorded = lived.ledger.find(gate="ingestion", partition=DAYS[0])[0]
    lived.ledger.append(recorded.model_copy(update={"partition": DAYS[19]}))
    enforce_retention(keeping(flights, raw=10), actor="m", workspace=lived)
    assert lived.raw.exists(f"flights/batch/{DAYS[0]}.parquet")
    assert not lived.raw.exists(f"flights/batch/{DAYS[1]}.parquet")


def test_what_a_model_in_use_names_is_kept_unless_told_so(lived: Workspace, flights: UseCase) -> None:
    ranges = {"training": ("2013-01-03", "2013-01-08"), "evaluation": ("2013-01-10", "2013-01-11")}
    earlier = {"training": ("2013-01-01", "2013-01-02"), "evaluation": ("2013-01-01", "2013-01-02")}
    promote(lived, "1", earlier, since="2013-01-05")
    promote(lived, "2", ranges, since="2013-01-12")
    decision = enforce_retention(keeping(flights, features=5), actor="m", workspace=lived)
    assert decision is not None
    assert decision.verdict is Verdict.WARN
    assert decision.reasons[1] == (
        "features: 8 partitions (2013-01-03..2013-01-11) kept because the training set of version 2, "
        "which is in use, names them"
    )
    # Version 1 decides on no date from here on, so nothing keeps what it was trained on.
    assert lived.lake.partitions("flights", "features") == [*DAYS[2:8], *DAYS[9:11], *DAYS[14:]]
    forced = enforce_retention(keeping(flights, force=True, features=5), actor="m", workspace=lived)
    assert forced is not None
    assert "removed although the training set of version 2" in forced.reasons[1]
    assert lived.lake.partitions("flights", "features") == DAYS[14:]


def test_tidying_keeps_the_version_that_a_model_in_use_was_trained_on(
    lived: Workspace, flights: UseCase
) -> None:
    named = lived.lake.version("flights", "features")
    ranges = {"training": ("2013-01-03", "2013-01-08"), "evaluation": ("2013-01-10", "2013-01-11")}
    promote(lived, "1", ranges, since="2013-01-12")
    write(lived, "features", "2013-01-05", value=2)
    between = lived.lake.version("flights", "features")
    write(lived, "features", "2013-01-05", value=3)
    maintain_tables(flights, retention_days=0, workspace=lived)

    def value(version: int | None) -> list[int]:
        rows = lived.lake.read("flights", "features", partitions=["2013-01-05"], version=version)
        return [int(found) for found in rows["x"]]

    assert (value(named), value(None)) == ([1], [3])
    with pytest.raises(Exception, match="does not answer"):
        value(between)


def test_lineage_tells_a_removed_file_from_a_missing_one(lived: Workspace, flights: UseCase) -> None:
    files = [
        RawFile(table="batch", partition=day, source="s", address="a", sha256="h", size=1, state="missing")
        for day in (DAYS[0], DAYS[15])
    ]
    assert tell_removed(lived.ledger, "flights", files) == files
    enforce_retention(keeping(flights, raw=10), actor="m", workspace=lived)
    assert [file.state for file in tell_removed(lived.ledger, "flights", files)] == ["removed", "missing"]


def test_a_table_that_is_none_is_a_mistake(flights: UseCase) -> None:
    content = flights.model_dump() | {"retention": {"days": {"side_wether": 3}}}
    with pytest.raises(ValueError, match=r"retention.days names \['side_wether'\], which is no table"):
        UseCase.model_validate(content)


def test_a_promotion_without_its_evaluation_stops_the_removal(lived: Workspace, flights: UseCase) -> None:
    decide(
        lived,
        "promotion",
        [],
        version="1",
        run_id="r",
        effective_from="2013-01-12",
        evaluation_id="ffffffff",
    )
    with pytest.raises(NotFound):
        enforce_retention(keeping(flights, features=5), actor="m", workspace=lived)
    assert lived.lake.partitions("flights", "features") == DAYS
