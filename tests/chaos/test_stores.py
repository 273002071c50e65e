"""A lake on S3 whose server fails in the middle of each stage: done again, it is as if nothing had happened.

The work either gets over the fault or ends with an error that Airlock raises on purpose. Nothing of it may be
wrong, whichever it is.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.conftest import WHOLE, Undisturbed
from tests.chaos.invariants import check
from tests.chaos.matrix import Matrix
from tests.chaos.on_s3 import Ending, OnS3, attempt, ending, put_on_s3
from tests.chaos.proxy import EVER, FAULTS, Plan, Proxy, Seen, proxy
from tests.chaos.stages import SETTLED, USE_CASE, WORKS
from tests.cli.lifecycle_fixture import Installation
from tests.kills import Victims
from tests.servers import S3Server

pytestmark = [pytest.mark.servers, pytest.mark.timeout(3600 if WHOLE else 600)]

SEED = 20130109
SLOW = {"train", "evaluate", "promote"}  # seconds of fitting each time, for few requests
STAGES = [stage for stage in WORKS if stage != "roll back"] if WHOLE else ["ingest"]


def plans(stage: str, seen: dict[str, int], seed: int) -> Iterator[list[Plan]]:
    """Draw faults: several requests of one work that are struck once each, or all from one request on."""
    drawn = random.Random(f"{seed} {stage}")  # noqa: S311 -- no secret
    possible = [fault for fault, kind in FAULTS.items() if seen.get(kind)]

    def plan(fault: str, times: int) -> Plan:
        return Plan(fault, drawn.randint(1, seen[FAULTS[fault]]), times)

    scattered, lasting = ((2, 2) if stage in SLOW else (3, 4)) if WHOLE else (1, 1)
    for _ in range(scattered):
        yield [plan(fault, 1) for fault in drawn.sample(possible, min(5, len(possible)))]
    faults = [fault for fault in possible if fault != "late answer"]
    for fault in drawn.sample(faults, min(lasting, len(faults))):
        yield [plan(fault, EVER)]


@dataclass
class Laboratory:
    """A store that can be made to fail, and works on installations whose lakes are in it.

    Attributes:
        server: the store.
        between: what stands before it.
        bucket: of the lake of one installation at a time.
        victims: does the works.
        folder: where installations and what works have told lie.
    """

    server: S3Server
    between: Proxy
    bucket: str
    victims: Victims
    folder: Path
    client: Any

    def copy(self, found: Installation) -> OnS3:
        """Return a copy, in the place of the one before, that asks its store past the proxy."""
        # MLflow keeps a database open under its name, so the name of each copy is new.
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return put_on_s3(found, folder, self.bucket, self.server.endpoint_url, self.client)

    def do(self, live: OnS3, stage: str, *faults: Plan) -> tuple[Ending, Seen]:
        """Do the work of a stage; return how it has ended, and what was asked and struck meanwhile."""
        told = live.home / "told"
        self.between.plan(*faults)
        self.victims.seconds(attempt, str(told), replace(live, endpoint_url=self.between.url), stage)
        return ending(told), self.between.plan()


@pytest.fixture
def laboratory(
    s3_server: S3Server, victims: Victims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Laboratory]:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    with proxy(s3_server.endpoint_url) as between:
        bucket, client = s3_server.new_bucket(), s3_server.client()
        yield Laboratory(s3_server, between, bucket, victims, tmp_path, client)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_whose_store_fails_is_completed_by_the_next_run(
    at_hand: Undisturbed, laboratory: Laboratory, matrix: Matrix, stage: str
) -> None:
    before = at_hand.before(stage)
    usual, seen = laboratory.do(laboratory.copy(before), stage)
    assert usual == Ending()
    for number, faults in enumerate(plans(stage, seen.counts, SEED)):
        live = laboratory.copy(before)
        ended, seen = laboratory.do(live, stage, *faults)
        assert ended.clear, f"{faults} struck {seen.struck}: {ended.message}"
        again, _ = laboratory.do(live, stage)
        assert again == Ending(), f"{faults} struck {seen.struck}, {ended}; then {again.message}"
        check(live.workspace, USE_CASE, models=False)
        at_hand.compare(stage, live, settled=stage in SETTLED)
        for fault, requests in seen.struck.items():
            lasts = any(plan.times == EVER for plan in faults)
            matrix.record(
                stage=stage,
                fault=f"S3: {fault}{', lasting' if lasts else ''}",
                place=f"{requests[0]}, trial {number}",
                outcome="completed" if ended.error else "survived",
                seed=SEED,
            )
        shutil.rmtree(live.home.parent)
