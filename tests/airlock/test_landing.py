"""Waiting for landed files: what a look finds, when the trigger ends, and what Airflow's tasks are told."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airlock.operators.ingestion import WaitForFilesOperator
from airlock.triggers.landing import LandedFilesTrigger
from include.ingestion.sources.waiting import Look, look
from include.settings import Settings, get_settings
from include.workspace import Workspace
from tests.corpus.desk import DAY, parquet, use_case
from tests.dags.test_dags import copy_use_case

SETTLED = {
    "all there, marked": (Look(), None, True),
    "something is missing": (Look(missing=["x"]), Look(), False),
    "a first look": (Look(sizes={"a": 1}), None, False),
    "the same size": (Look(sizes={"a": 1}), Look(sizes={"a": 1}), True),
    "it grew": (Look(sizes={"a": 2}), Look(sizes={"a": 1}), False),
    "one more": (Look(sizes={"a": 1, "b": 1}), Look(sizes={"a": 1}), False),
}


@pytest.mark.parametrize(("now", "before", "expected"), SETTLED.values(), ids=SETTLED)
def test_files_have_settled_when_nothing_is_missing_and_nothing_grows(now, before, expected):
    assert now.settled_since(before) is expected


def test_a_look_knows_files_folders_and_markers(workspace):
    folder = Path(workspace.settings.landing) / "orders"
    assert look(use_case(), DAY, workspace).missing[0].endswith("is missing; ask the upstream system for it")
    (folder / DAY).mkdir(parents=True)
    (folder / f"{DAY}.parquet").write_bytes(b"12345")
    assert look(use_case(), DAY, workspace).sizes == {f"{folder}/{DAY}.parquet": 5}
    (folder / DAY / "part-1.parquet").write_bytes(b"1")
    assert "_SUCCESS is missing" in look(use_case("parts"), DAY, workspace).missing[0]
    (folder / DAY / "_SUCCESS").touch()
    assert look(use_case("parts"), DAY, workspace) == Look()
    assert look(use_case("glob"), DAY, workspace).sizes == {f"{folder}/{DAY}/part-1.parquet": 1}
    assert look(use_case("sql"), DAY, workspace) == Look()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An installation whose flights wait for their files, as the environment of a task has it."""
    copy_use_case(tmp_path / "use_cases", "flights", **{"source:": "source:\n  wait: {settle_seconds: 1}"})
    monkeypatch.setenv("AIRLOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRLOCK_USE_CASES_DIR", str(tmp_path / "use_cases"))
    get_settings.cache_clear()
    yield Workspace(Settings(_env_file=None))
    get_settings.cache_clear()


def trigger(**changes):
    arguments = {"settle_seconds": 0.01, "deadline": time.time() + 30} | changes
    return LandedFilesTrigger(use_case="flights", partition=DAY, **arguments)


def ended(one):
    async def first():
        return (await anext(one.run())).payload

    return asyncio.run(asyncio.wait_for(first(), 30))


def land(workspace, content=b"x"):
    for table in ("flights", "weather"):
        path = Path(workspace.settings.landing) / table / f"{DAY}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_the_trigger_ends_when_the_files_are_there_and_have_settled(installed):
    land(installed)
    assert ended(trigger()) == {"finished": True, "missing": []}


def test_the_trigger_waits_for_a_file_that_grows_and_for_one_that_comes(installed):
    async def scene():
        event = asyncio.ensure_future(anext(trigger(settle_seconds=0.05).run()))
        for size in range(1, 8):
            await asyncio.sleep(0.02)
            land(installed, b"x" * size)
            assert not event.done()
        return (await event).payload

    assert asyncio.run(asyncio.wait_for(scene(), 30)) == {"finished": True, "missing": []}


def test_the_trigger_gives_up_at_its_deadline_and_says_what_is_missing(installed):
    event = ended(trigger(deadline=0.0))
    assert event["finished"] is False
    assert "flights/2024-03-05.parquet is missing" in event["missing"][0]
    land(installed)
    assert ended(trigger(deadline=0.0)) == {"finished": False, "missing": ["a file is still growing"]}


def test_a_trigger_survives_the_way_through_the_database():
    path, arguments = trigger(deadline=5.0).serialize()
    assert path == f"{LandedFilesTrigger.__module__}.LandedFilesTrigger"
    assert LandedFilesTrigger(**arguments).serialize() == (path, arguments)


def test_the_operator_defers_and_goes_on_whatever_the_trigger_says(installed):
    operator = WaitForFilesOperator(task_id="wait_for_files", use_case="flights")
    context = {"dag_run": SimpleNamespace(partition_key=DAY)}
    land(installed, parquet())
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    assert deferred.value.method_name == "resume"
    assert deferred.value.trigger.serialize()[1]["settle_seconds"] == 1
    gave_up = {"finished": False, "missing": ["x"]}
    assert operator.resume(context, gave_up) == gave_up
