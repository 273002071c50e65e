"""The whole lifecycle with its lake on a real S3 server gives what it gives on a local folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.performance.lifecycle import HISTORY, WEEKS, bare
from include import partitions
from include.champions import newest_champion
from include.settings import Settings
from include.warmup import LIBRARIES, import_quietly
from include.workspace import Workspace

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

# What a row says; when it was written and from which file name says nothing of the lake's place.
COMPARED = ("batches", "features", "labels", "predictions", "feature_profiles", "profiles")


@pytest.fixture(autouse=True, scope="module")
def _libraries_are_imported() -> None:
    """What they warn of while they are imported is theirs to mend."""
    import_quietly(LIBRARIES)


def live(settings: Settings) -> Workspace:
    """Run two weeks and two trainings after a week of history."""
    bare(settings, [(day,) for day in HISTORY], train=False)
    bare(settings, [week.days for week in WEEKS], train=True)
    return Workspace(settings)


def test_a_lifecycle_on_s3_equals_one_on_a_folder(
    tmp_path: Path, landed: Path, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = Settings(
        _env_file=None, home=tmp_path / "remote", lake_url=f"{s3_bucket}/lake", landing_url=str(landed)
    )
    local = Settings(_env_file=None, home=tmp_path / "local", landing_url=str(landed))
    there, here = live(remote), live(local)
    assert not (tmp_path / "remote" / "lake").exists()
    for table in COMPARED:
        days = here.lake.partitions("flights", table)
        assert days
        assert there.lake.partitions("flights", table) == days
        for day in (days[0], days[-1]):
            one, other = (w.lake.read("flights", table, partitions=[day]) for w in (here, there))
            differing = {"ingested_at", "promotion_id", "content_hash", "contract_hash", "source_hash"}
            columns = [name for name in one.columns if name not in differing]
            assert one[columns].equals(other[columns])
    champions = [newest_champion(workspace.ledger, "flights") for workspace in (here, there)]
    as_ofs = [champion.as_of if champion else None for champion in champions]
    assert as_ofs == [partitions.shift(WEEKS[-1].days[-1], 1)] * 2
    assert there.ledger.verify()[0] == here.ledger.verify()[0]
    assert there.raw.list("flights/")
    assert there.reports.list("flights/")
