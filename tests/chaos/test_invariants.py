"""Each invariant can fail: an installation is broken on purpose, and what is broken is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable, write_deltalake

from include import ledger
from include.champions import newest_champion
from include.model_versions import MODEL_HASH
from include.registry import CHAMPION, TRAINING_KEY
from include.workspace import Workspace
from tests.chaos.invariants import broken, check
from tests.chaos.stages import USE_CASE
from tests.cli.lifecycle_fixture import Installation, filled

DAY = "2013-01-07"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return filled(tmp_path_factory.mktemp("filled"))


def table(live: Installation, name: str) -> DeltaTable:
    return DeltaTable(live.workspace.lake.uri(USE_CASE, name))


def rewritten(live: Installation, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Put other rows in the place of a day's, past everything that watches."""
    rows = live.workspace.lake.read(USE_CASE, name, partitions=[DAY])
    delta = table(live, name)
    delta.delete(f"partition = '{DAY}'")
    delta = table(live, name)
    changed = change(rows)
    write_deltalake(delta, changed, mode="append", schema_mode="merge")


def lose_a_batch(live: Installation) -> None:
    table(live, "batches").delete(f"partition = '{DAY}'")


def bring_a_stray_batch(live: Installation) -> None:
    rows = live.workspace.lake.read(USE_CASE, "batches", partitions=[DAY]).assign(partition="2013-02-01")
    write_deltalake(table(live, "batches"), rows, mode="append")


def lose_a_row(live: Installation) -> None:
    rewritten(live, "batches", lambda rows: rows.iloc[1:])


def let_a_row_in(live: Installation) -> None:
    rewritten(live, "batches", lambda rows: rows.assign(released_by=["someone"] + [None] * (len(rows) - 1)))


def take_another_file(live: Installation) -> None:
    rewritten(live, "batches", lambda rows: rows.assign(source_hash="0" * 64))


def mix_two_writes(live: Installation) -> None:
    rewritten(
        live, "batches", lambda rows: rows.assign(content_hash=["0" * 64, *rows["content_hash"].iloc[1:]])
    )


def lose_a_snapshot(live: Installation) -> None:
    table(live, "snapshots").delete(f"partition = '{DAY}'")


def miscount_a_snapshot(live: Installation) -> None:
    rewritten(live, "snapshots", lambda rows: rows.assign(accepted=rows["accepted"] + 1))


def double_a_partition(live: Installation) -> None:
    rewritten(live, "features", lambda rows: pd.concat([rows, rows]))


def lose_a_prediction(live: Installation) -> None:
    rewritten(live, "predictions", lambda rows: rows.iloc[1:])


def alter_a_decision(live: Installation) -> None:
    with sqlite3.connect(live.home / "ledger.db") as connection:
        connection.execute("DROP TRIGGER decisions_no_update")
        connection.execute(
            "UPDATE decisions SET payload = replace(payload, 'pass', 'past') WHERE sequence = 2"
        )


def record_a_decision_twice(live: Installation) -> None:
    kept = live.workspace.ledger
    [newest, *_] = kept.find(use_case=USE_CASE, gate="ingestion", partition=DAY)
    with pytest.MonkeyPatch.context() as patch:
        nothing = ledger.decisions_table.select().where(sa.false())
        patch.setattr(ledger, "_about", lambda _decision: nothing)
        kept.append(newest)


def alter_a_raw_file(live: Installation) -> None:
    raw = live.workspace.raw
    raw.put(raw.list()[0], b"other")


def lose_a_raw_file(live: Installation) -> None:
    workspace = live.workspace
    [newest, *_] = workspace.ledger.find(use_case=USE_CASE, gate="ingestion", partition=DAY)
    name = newest.evidence["files"][0]["raw"].rpartition("/_raw/")[2]
    workspace.raw.delete(name)


def alter_a_selection(live: Installation) -> None:
    live.workspace.selections.put(f"{'0' * 64}.json", b"[]")


def cut_a_report(live: Installation) -> None:
    reports = live.workspace.reports
    key = next(key for key in reports.list() if key.endswith(".html"))
    reports.put(key, reports.get(key)[:-300])


def move_the_alias(live: Installation) -> None:
    live.workspace.registry.set_alias(USE_CASE, CHAMPION, "1")


def exchange_the_model(live: Installation) -> None:
    workspace = live.workspace
    champion = newest_champion(workspace.ledger, USE_CASE)
    assert champion
    workspace.registry.client.set_model_version_tag(USE_CASE, champion.version, MODEL_HASH, "0" * 64)


def leave_the_run_open(live: Installation) -> None:
    workspace = live.workspace
    champion = newest_champion(workspace.ledger, USE_CASE)
    assert champion
    workspace.registry.client.update_run(champion.run_id, status="RUNNING")


def alter_the_model(live: Installation) -> None:
    champion = newest_champion(live.workspace.ledger, USE_CASE)
    assert champion
    folder = live.home / "cache" / "models" / champion.model.sha256
    (folder / "MLmodel").write_text((folder / "MLmodel").read_text() + "\n")


def register_a_run_twice(live: Installation) -> None:
    workspace = live.workspace
    champion = newest_champion(workspace.ledger, USE_CASE)
    assert champion
    # MLflow looks the model up at the process's address, whatever the client's is.
    mlflow.set_tracking_uri(workspace.registry._uri)
    workspace.registry.client.create_model_version(USE_CASE, champion.model.uri, champion.run_id)


def train_twice(live: Installation) -> None:
    workspace = live.workspace
    champion = newest_champion(workspace.ledger, USE_CASE)
    assert champion
    client, run = workspace.registry.client, workspace.registry.run(champion.run_id)
    again = client.create_run(run.info.experiment_id, tags={TRAINING_KEY: run.data.tags[TRAINING_KEY]})
    client.set_terminated(again.info.run_id)


BREAKS: dict[Callable[[Installation], None], str] = {
    lose_a_batch: f"batches: ['{DAY}'] were let in and are not there",
    bring_a_stray_batch: "batches: ['2013-02-01'] are there and no decision let them in",
    lose_a_row: f"batches of {DAY}: ",
    let_a_row_in: f"batches of {DAY}: 1 rows were let in, 0 are called released",
    take_another_file: f"batches of {DAY}: not the file that decision",
    mix_two_writes: f"batches of {DAY}: parts of 2 writes stand together",
    lose_a_snapshot: f"snapshots of {DAY}: the batch has none",
    miscount_a_snapshot: f"snapshots of {DAY}: ",
    double_a_partition: f"features of {DAY}: ",
    lose_a_prediction: f"predictions of {DAY}: ",
    alter_a_decision: "ledger: ",
    record_a_decision_twice: f"ledger: ingestion of {DAY} was recorded twice",
    alter_a_raw_file: "its content is another",
    lose_a_raw_file: f"raw file of {DAY}: ",
    alter_a_selection: f"selection {'0' * 64}.json: its content is another",
    cut_a_report: "it has no end",
    move_the_alias: "champion: MLflow says version 1, the ledger 2",
    exchange_the_model: "champion: version 2 is not the model of decision",
    leave_the_run_open: "of version 2 has not ended",
    alter_the_model: "champion: version 2: The files of model",
    register_a_run_twice: "is registered 2 times",
    train_twice: "2 finished runs were trained from the same inputs",
}


def test_an_installation_that_nobody_broke_holds(whole: Installation, tmp_path: Path) -> None:
    check(whole.copy(tmp_path).workspace, USE_CASE)


@pytest.mark.parametrize("break_it", BREAKS, ids=lambda found: found.__name__)
def test_what_is_broken_is_named(
    whole: Installation, tmp_path: Path, break_it: Callable[[Installation], None]
) -> None:
    live = whole.copy(tmp_path)
    break_it(live)
    found: list[str] = []
    workspace: Workspace = live.workspace
    # The first that is named is enough: to go on would cost a second each time.
    for line in broken(workspace, USE_CASE, models=break_it is alter_the_model):
        found.append(line)
        if BREAKS[break_it] in line:
            return
    pytest.fail(f"nobody said {BREAKS[break_it]!r}, but {found}")
