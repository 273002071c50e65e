"""Tables are tidied while other processes write and read them: nobody fails, nothing is lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from include import partitions
from include.maintenance.merging import merge_small_files
from include.maintenance.stage import maintain_tables
from include.settings import PROJECT_ROOT, Settings
from include.use_case import UseCase, read_use_case
from include.workspace import Workspace
from tests.kills import Victims

DAYS = partitions.span("2013-01-01", "2013-01-08")
ROUNDS = 4
TABLE = "profiles"


def rows_of(day: str, turn: int) -> pd.DataFrame:
    known = date.fromisoformat(day)
    return pd.DataFrame({"row_key": [f"{day}-{n}" for n in range(20)], "turn": turn, "known_at": known})


def write(home: Path, days: list[str]) -> None:
    """Publish each day, and correct it again and again."""
    lake = Workspace(Settings(_env_file=None, home=home)).lake
    for turn in range(ROUNDS):
        for day in days:
            lake.write_partition(
                "flights", TABLE, day, rows_of(day, turn), source_hash=str(turn), contract_hash="c"
            )
            found = lake.read("flights", TABLE, partitions=[day])
            assert found["turn"].tolist() == [turn] * 20, "a reader sees its day whole"


def cut_up(workspace: Workspace, pieces: int) -> None:
    """Leave each partition in several files, as many small commits of another tool would."""
    import pyarrow as pa
    from deltalake import write_deltalake

    uri = workspace.lake.uri("flights", TABLE)
    for day in DAYS:
        rows = workspace.lake.read("flights", TABLE, partitions=[day])
        table = pa.Table.from_pandas(rows, preserve_index=False)
        schema = pa.schema(workspace.lake.open("flights", TABLE).schema())
        for piece in range(pieces):
            part = table.slice(piece * len(rows) // pieces, len(rows) // pieces).cast(schema)
            overwrite = {"mode": "overwrite", "predicate": f"partition = '{day}'"}
            write_deltalake(uri, part, **({"mode": "append"} if piece else overwrite))  # type: ignore[arg-type]


def publish(workspace: Workspace) -> set[int]:
    workspace.lake.write_partition(
        "flights", TABLE, DAYS[0], rows_of(DAYS[0], 1), source_hash="1", contract_hash="c"
    )
    return {1}


def merge(workspace: Workspace) -> set[int]:
    merge_small_files("flights", TABLE, Workspace(workspace.settings))
    return {0}


@pytest.mark.parametrize("other", [publish, merge])
def test_who_commits_while_files_are_merged_wins(
    workspace: Workspace,
    flights: UseCase,
    monkeypatch: pytest.MonkeyPatch,
    other: Callable[[Workspace], set[int]],
) -> None:
    for each in DAYS:
        workspace.lake.write_partition(
            "flights", TABLE, each, rows_of(each, 0), source_hash="0", contract_hash="c"
        )
    cut_up(workspace, 4)
    find, turns = workspace.lake.find, []

    def find_and_lose_the_race(use_case: str, table: str, version: int | None = None) -> object:
        found = find(use_case, table, version)
        if table == TABLE and not turns:
            turns.append({0})
            turns[0] = other(workspace)
        return found

    monkeypatch.setattr(workspace.lake, "find", find_and_lose_the_race)
    maintain_tables(flights, retention_days=90, workspace=workspace)
    found = workspace.lake.read("flights", TABLE)
    assert len(found) == 20 * len(DAYS)
    assert set(found[found["partition"] == DAYS[0]]["turn"]) == turns[0]
    assert len(workspace.lake.open("flights", TABLE).file_uris()) == len(DAYS)


def tidy(home: Path, rounds: int) -> None:
    use_case = read_use_case(PROJECT_ROOT / "include" / "use_cases" / "flights" / "use_case.yaml")
    workspace = Workspace(Settings(_env_file=None, home=home))
    for _ in range(rounds):
        maintain_tables(use_case, retention_days=1, workspace=workspace)
        time.sleep(0.05)


@pytest.mark.timeout(300)
def test_tables_are_tidied_while_they_are_written(victims: Victims, tmp_path: Path) -> None:
    workspace = Workspace(Settings(_env_file=None, home=tmp_path))
    for day in DAYS:
        workspace.lake.write_partition(
            "flights", TABLE, day, rows_of(day, -1), source_hash="-1", contract_hash="c"
        )
    cut_up(workspace, 4)
    before = workspace.lake.open("flights", TABLE).version()
    victims.side_by_side((write, tmp_path, DAYS[:6]), (tidy, tmp_path, 15), (tidy, tmp_path, 15))
    found = workspace.lake.read("flights", TABLE)
    assert sorted(found["row_key"]) == sorted(key for day in DAYS for key in rows_of(day, 0)["row_key"])
    turns = found.groupby("partition")["turn"].unique().map(list).to_dict()
    assert turns == {day: [ROUNDS - 1] if day in DAYS[:6] else [-1] for day in DAYS}
    table = workspace.lake.open("flights", TABLE)
    assert len(table.file_uris()) == len(DAYS), "each partition is one file again"
    assert table.version() >= before + len(DAYS)
