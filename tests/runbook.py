"""The procedures of docs/operations.md, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

from include.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "operations.md"


class Procedure(NamedTuple):
    """A block of commands, and what it needs: `stores` alone, or a running `airflow`."""

    name: str
    on: str
    commands: str


def procedures() -> list[Procedure]:
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^```bash run=(\S+) on=(\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Procedure(*one) for one in found]


def carry_out(procedure: Procedure, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the commands as a person would, from the checkout."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", procedure.commands],
        cwd=PROJECT_ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "NO_PROXY": "*",
            "UC": "flights",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
