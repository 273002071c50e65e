"""An installation whose lake is on S3, and works on it that tell how they have ended."""

from __future__ import annotations

import json
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

from include.errors import AirlockError
from include.settings import Settings
from include.workspace import Workspace
from tests.chaos.stages import work
from tests.cli.lifecycle_fixture import Installation

# Of the Delta library, so that the end of its patience comes in seconds instead of minutes.
_IMPATIENT = {
    "max_retries": "3",
    "retry_timeout": "20s",
    "backoff_config.init_backoff": "50ms",
    "backoff_config.max_backoff": "200ms",
}


@dataclass(frozen=True)
class OnS3(Installation):
    """Folders of an installation, and where its lake is.

    Attributes:
        bucket: of its lake.
        endpoint_url: address at which the store, or what stands before it, is asked.
    """

    bucket: str
    endpoint_url: str

    @property
    def workspace(self) -> Workspace:
        settings = Settings(
            _env_file=None,
            home=self.home,
            use_cases_dir=self.use_cases,
            lake_url=f"s3://{self.bucket}/lake",
            s3_endpoint_url=self.endpoint_url,
        )
        return Workspace(settings)


def put_on_s3(found: Installation, folder: Path, bucket: str, endpoint_url: str, client: Any) -> OnS3:
    """Return a copy of an installation whose lake is brought into a bucket, in the place of what is there.

    Another copy that was there before shares most of its files, so only what differs is put or removed.
    """
    live = OnS3(folder / "home", folder / "use_cases", bucket, endpoint_url)
    shutil.copytree(found.home, live.home, ignore=shutil.ignore_patterns("lake"))
    shutil.copytree(found.use_cases, live.use_cases)
    root = found.home / "lake"
    wanted = {f"lake/{path.relative_to(root)}": path for path in root.rglob("*") if path.is_file()}
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    held = {each["Key"]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", [])}
    for key in held.keys() - wanted.keys():
        client.delete_object(Bucket=bucket, Key=key)
    for key, path in wanted.items():
        content = path.read_bytes()
        if held.get(key) != md5(content, usedforsecurity=False).hexdigest():
            client.put_object(Bucket=bucket, Key=key, Body=content)
    return live


@dataclass(frozen=True)
class Ending:
    """How a work has ended: without an error, with one that Airlock raises on purpose, or with a foreign one.

    Attributes:
        error: name of the error's class; empty without one.
        clear: whether it is one of Airlock's.
        message: what it says; of a foreign one, where it came from too.
    """

    error: str = ""
    clear: bool = True
    message: str = ""


def attempt(
    told: str, installation: Installation, stage: str, afterwards: Callable[[], object] = lambda: None
) -> None:
    """Do the work of a stage and write into a file how it has ended; what another process runs."""
    workspace = installation.workspace
    if isinstance(installation, OnS3):
        workspace.lake._options.update(_IMPATIENT)  # no setting of Airlock's, and none is needed
    found: dict[str, Any] = {}
    try:
        work(workspace, stage)
    except AirlockError as error:
        found = {"error": type(error).__name__, "message": str(error)}
    except Exception as error:  # noqa: BLE001 -- whatever it is, the test must hear of it
        found = {"error": type(error).__name__, "clear": False, "message": traceback.format_exc()}
    afterwards()
    Path(told).write_text(json.dumps(found), encoding="utf-8")


def ending(told: Path) -> Ending:
    """Read how a work has ended."""
    return Ending(**json.loads(told.read_text(encoding="utf-8")))
