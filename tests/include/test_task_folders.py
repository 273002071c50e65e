"""What a task copied is gone with it, however it ended, and no other task's copies are."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from include.settings import PROJECT_ROOT
from include.task_folders import task_folder

TASK = """
import sys, time
from include.task_folders import task_folder
with task_folder() as folder:
    (folder / "rows").write_text("Ann Lee")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that no other test uses."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def task() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that holds a folder."""
    with subprocess.Popen(
        [sys.executable, "-c", TASK], stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT
    ) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_folder_is_gone_with_its_work(elsewhere: Path) -> None:
    with task_folder() as folder:
        (folder / "file").write_bytes(b"x")
        assert folder.is_relative_to(elsewhere)
    assert list(elsewhere.iterdir()) == []


def test_a_killed_task_leaves_what_the_next_one_removes(elsewhere: Path) -> None:
    with task() as (process, left), task() as (_, held):
        process.kill()
        process.wait()
        assert (left / "rows").read_text() == "Ann Lee"
        with task_folder() as folder:
            assert not left.parent.exists()
            assert (held / "rows").exists(), "its task lives"
            with task_folder():
                assert folder.exists(), "another one of the same process"
        assert list(elsewhere.iterdir()) == [held.parent]


def test_many_who_come_and_go_do_not_get_in_each_others_way(elsewhere: Path) -> None:
    def come_and_go(number: int) -> None:
        for _ in range(150):
            with task_folder() as folder:
                (folder / "rows").write_text(str(number))
                assert (folder / "rows").read_text() == str(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, range(4)))
    assert list(elsewhere.iterdir()) == []


def test_what_only_looks_like_one_is_left_alone(elsewhere: Path, tmp_path_factory) -> None:
    precious = tmp_path_factory.mktemp("precious")
    (precious / "lock").write_text("")
    (elsewhere / "airlock-link").symlink_to(precious)
    (elsewhere / "airlock-without").mkdir()
    with task_folder():
        pass
    assert (precious / "lock").exists()
    assert (elsewhere / "airlock-without").exists()


def test_what_cannot_be_removed_holds_nothing_up(elsewhere: Path, monkeypatch, caplog) -> None:
    (elsewhere / "airlock-broken").mkdir()
    (elsewhere / "airlock-broken" / "lock").write_text("")

    def busy(folder: Path) -> None:
        raise OSError(16, "Device or resource busy", str(folder))

    monkeypatch.setattr("include.task_folders.shutil", SimpleNamespace(rmtree=busy))
    with task_folder() as folder:
        assert folder.exists()
    assert "airlock-broken, which a killed task has left, could not be removed" in caplog.text


def test_where_nothing_can_be_locked_the_work_goes_on(elsewhere: Path, monkeypatch, caplog) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr("fcntl.flock", unknown)
        with task_folder() as folder:
            assert folder.exists()
    assert "cannot be locked ([Errno 37] No locks available): if this task is killed" in caplog.text
    assert list(elsewhere.iterdir()) == []
