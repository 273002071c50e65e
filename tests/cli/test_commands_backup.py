"""`./airlock backup` and `./airlock restore`, on a small but real installation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli.main import main  # noqa: F401 -- the command line is imported before the libraries warn
from include.backups.checks import findings
from include.champions import newest_champion
from tests.cli.lifecycle_fixture import Installation, filled


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return filled(tmp_path_factory.mktemp("living"))


@pytest.fixture(scope="module")
def kept(living: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "backup"
    manifest = living.json("backup", str(folder))
    assert manifest["decisions"] > 10
    return folder


def elsewhere(living: Installation, folder: Path) -> Installation:
    """An empty installation with the same key and declarations."""
    shutil.copytree(living.home / "keys", folder / "home" / "keys")
    return Installation(folder / "home", living.use_cases)


def test_what_was_copied_comes_back_whole_in_another_place(
    living: Installation, kept: Path, tmp_path: Path
) -> None:
    there = elsewhere(living, tmp_path)
    found = there.json("restore", str(kept))
    assert [one for one in found if not one["holds"]] == []
    assert {"ledger", "champion of flights", "training sets of flights", "table flights/batches"} <= {
        one["what"] for one in found
    }
    before, after = living.workspace, there.workspace
    assert after.ledger.verify() == before.ledger.verify()
    for day in before.lake.partitions("flights", "predictions"):
        one, other = (w.lake.read("flights", "predictions", partitions=[day]) for w in (before, after))
        assert one.equals(other)
    champion = newest_champion(after.ledger, "flights")
    assert champion is not None
    folder = after.registry.model_folder(champion.model)
    assert folder.is_relative_to(there.home)
    assert str(living.home) not in after.registry.client.get_experiment_by_name("flights").artifact_location
    # Life goes on there: the next run of MLflow and the next decision find their places.
    assert after.registry.experiment_id("flights") == before.registry.experiment_id("flights")
    assert there.run("verify").exit_code == 0


def test_a_backup_that_was_damaged_is_told(living: Installation, kept: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(kept, copy)
    decisions = copy / "ledger" / "decisions.jsonl"
    decisions.write_text(decisions.read_text().replace('\\"refuse\\"', '\\"pass\\"', 1))
    for path in (copy / "models").rglob("model.skops"):
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    for path in (copy / "lake" / "flights" / "features").rglob("*.parquet"):
        path.write_bytes(b"")
    found = elsewhere(living, tmp_path).json("restore", str(copy), code=1)
    broken = {one["what"] for one in found if not one["holds"]}
    assert broken == {
        "ledger",
        "champion of flights",
        "table flights/features",
        "training sets of flights",
    }


def test_decisions_that_were_cut_off_are_told(living: Installation) -> None:
    count, head = living.workspace.ledger.verify()
    (whole,) = findings(living.workspace, decisions=count, head=head, tables={})
    (cut,) = findings(living.workspace, decisions=count + 1, head=head, tables={})
    (other,) = findings(living.workspace, decisions=count, head="f" * 64, tables={})
    assert [one.holds for one in (whole, cut, other)] == [True, False, False]
    assert f"holds {count} decisions, the backup had {count + 1}" in cut.told


def test_one_without_its_key_is_told_what_to_name(living: Installation, kept: Path, tmp_path: Path) -> None:
    done = Installation(tmp_path / "home", living.use_cases).run("restore", str(kept))
    assert done.exit_code == 1
    assert "BROKEN  champion of flights" in done.output
    assert "AIRLOCK_SIGNING_PUBLIC_KEY" in done.output


def test_nothing_is_overwritten(living: Installation, kept: Path) -> None:
    before = living.workspace.ledger.verify()
    again = living.run("backup", str(kept))
    assert again.exit_code == 1
    assert "is a backup already" in again.output
    into = living.run("restore", str(kept))
    assert into.exit_code == 1
    assert "restored into an empty one only" in into.output
    assert living.workspace.ledger.verify() == before


def test_a_backup_that_was_cut_short_or_is_of_another_release_is_refused(
    living: Installation, kept: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(kept, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))
    there = elsewhere(living, tmp_path)
    assert "has format 2" in there.run("restore", str(copy)).output
    (copy / "manifest.json").unlink()
    assert "holds no backup" in there.run("restore", str(copy)).output
    assert there.workspace.ledger.verify()[0] == 0
