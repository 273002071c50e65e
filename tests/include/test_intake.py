"""Figures of intake: what a person would count by hand in the files, the tables and the ledger."""

import os

import pandas as pd
import pytest

from include.decisions import Verdict
from include.errors import GateRefused
from include.ingestion.release import Choice, discard, release
from include.intake import critical_columns, health_of, intake_of
from tests.include.ingestion.conftest import DAY, EARLIER, changed, home, prepared  # noqa: F401 -- fixtures
from tests.include.ingestion.test_release import FAR, aside  # noqa: F401 -- fixtures


def only(home):  # noqa: F811
    (day,) = intake_of(home.use_case, home.workspace, partition=DAY)
    return day


def test_a_batch_with_rows_set_aside_released_and_given_up(aside):  # noqa: F811
    raw = pd.read_parquet(aside.file())
    first = only(aside)
    assert (first.landed, first.accepted, first.held) == (len(raw), len(raw) - 4, 4)
    assert first.rejected_share == pytest.approx(4 / len(raw))
    assert list(first.null_shares) == critical_columns(aside.use_case)
    assert first.null_shares["arr_delay"] == pytest.approx(raw["arr_delay"].isna().mean())
    assert (first.attempts, first.schema_violations, first.drift) == (1, 0, None)
    call = {"actor": "ada", "workspace": aside.workspace}
    release(aside.use_case, Choice(partition=DAY, rows=(FAR[0],)), exception="known", **call)
    discard(aside.use_case, Choice(partition=DAY, rows=(FAR[1],)), reason="test", **call)
    second = only(aside)
    assert (second.accepted, second.held, second.released, second.discarded) == (len(raw) - 4, 2, 1, 1)
    assert second.rejected_share == pytest.approx(3 / len(raw))
    # Releasing rows is not publishing the delivery again.
    assert second.latency_seconds == first.latency_seconds


def test_latency_is_from_landing_to_publication(home):  # noqa: F811
    os.utime(home.file(), (1_700_000_000, 1_700_000_000))
    home.ingest()
    first = only(home).latency_seconds
    snapshots = home.rows(table="snapshots").set_index("table")
    at = snapshots.loc["batch", "published_at"]
    assert first == pytest.approx(at.timestamp() - 1_700_000_000)
    home.ingest()
    assert only(home).latency_seconds == first


def test_a_refused_batch_counts_as_rejected_whole(home):  # noqa: F811
    home.change(changed("origin", "XXX"))
    with pytest.raises(GateRefused):
        home.ingest()
    refused = only(home)
    assert (refused.verdict, refused.accepted, refused.rejected_share) == (Verdict.REFUSE, 0, 1)
    assert refused.latency_seconds is None
    home.change(lambda _: b"PAR1 cut off")
    with pytest.raises(GateRefused):
        home.ingest()
    unreadable = only(home)
    assert (unreadable.attempts, unreadable.landed, unreadable.schema_violations) == (2, 0, 1)
    assert unreadable.rejected_share == 1
    health = health_of(home.use_case, home.workspace)
    assert [day.partition for day in health.days] == [*EARLIER, DAY]
    assert health.success_rate == 0.8
    assert health.schema_violations == 1
    assert health_of(home.use_case, home.workspace, last=2).success_rate == 0.5


def test_a_use_case_without_batches_has_no_figures(workspace, flights):
    health = health_of(flights, workspace)
    assert (health.partitions, health.success_rate, health.latency_seconds, health.days) == (
        0,
        None,
        None,
        [],
    )
