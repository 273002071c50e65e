"""A lifecycle with its lake on a real S3 server gives what it gives on a local folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from include import partitions
from include.champions import champions_of
from include.monitoring.reporting import publish_report
from include.monitoring.stage import monitor
from include.settings import Settings
from include.warmup import LIBRARIES, import_quietly
from include.workspace import Workspace
from tests.cli.lifecycle_fixture import BROKEN, FIRST, LAST, PROMOTED, SCORED, filled, live
from tests.comparison import equal

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not os.environ.get("WHOLE_LIFECYCLE"),
        reason="test_topology.py compares a lake on S3 too: `make topology`",
    ),
]


@pytest.fixture(autouse=True, scope="module")
def _libraries_are_imported() -> None:
    """What they warn of while they are imported is theirs to mend."""
    import_quietly(LIBRARIES)


def test_a_lifecycle_on_s3_equals_one_on_a_folder(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, s3_bucket: str
) -> None:
    local = filled(tmp_path_factory.mktemp("local"))
    home = tmp_path / "remote"
    remote = Settings(_env_file=None, home=home, use_cases_dir=local.use_cases, lake_url=f"{s3_bucket}/lake")
    here, there = local.workspace, Workspace(remote)
    live(there)
    assert not (home / "lake").exists()
    arrived = [day for day in partitions.span(FIRST, LAST) if day != BROKEN]
    assert here.lake.partitions("flights", "batches") == arrived
    assert here.lake.partitions("flights", "predictions") == list(SCORED)
    assert [champion.as_of for champion in champions_of(here.ledger, "flights")] == [*reversed(PROMOTED)]
    assert equal(here, there, "flights") == []
    assert there.ledger.verify()[0] == here.ledger.verify()[0]
    assert there.raw.list("flights/")
    # The reports of monitoring take a second each, so this declaration goes without: one of them is enough.
    use_case = there.use_case("flights")
    reporting = use_case.monitoring.model_copy(update={"report": True})
    use_case = use_case.model_copy(update={"monitoring": reporting})
    health = monitor(use_case, LAST, actor="schedule", workspace=there)
    assert publish_report(use_case, LAST, workspace=there) == health.report
    assert there.reports.exists(health.report)
