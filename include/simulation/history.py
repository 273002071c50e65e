"""The data stages of a simulation: ingestion and features, run once for all policies and kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypedDict

from pydantic import SecretStr

from include import partitions
from include.decisions import Decision
from include.errors import ConfigurationError, GateRefused
from include.feature_sets import load_features
from include.hashing import digest, digest_file
from include.ledger import Ledger
from include.settings import PROJECT_ROOT, Settings
from include.simulation.tables import SharedTables
from include.use_case import UseCase
from include.workspace import Workspace

ACTOR = "simulation"
_MADE_BY = ("ingestion", "features")


@dataclass(frozen=True)
class History:
    """What ingestion and features made of a range of days.

    Attributes:
        built: days whose features were published; the others were refused.
    """

    tables: SharedTables
    days: list[str]
    built: frozenset[str]
    _ledger: Ledger
    _use_case: str

    @cached_property
    def _decisions(self) -> dict[str, list[Decision]]:
        found: dict[str, list[Decision]] = {}
        for decision in reversed(self._ledger.find(use_case=self._use_case)):
            found.setdefault(str(decision.partition), []).append(decision)
        return found

    def decisions_of(self, day: str) -> list[Decision]:
        """Return the decisions of the data stages on a day, in the order they were taken."""
        return self._decisions.get(day, [])


def prepare(
    use_case: UseCase, first: str, last: str, *, settings: Settings, progress: Callable[[str], None]
) -> History:
    """Run the data stages of a range of days, or take those that an earlier simulation ran.

    What is kept lies under `<home>/simulation`, by the hash of the declaration, the features, the code of
    these stages and the first day; a longer range continues it.

    Args:
        use_case: whose days.
        first: first data date; the history starts there.
        last: last data date.
        settings: of this installation; files are read from its landing folder and nothing else is touched.
        progress: called with each day that is through.

    Raises:
        ConfigurationError: the range is empty or lies outside the source's dates.
    """
    days = days_of(use_case, first, last)
    home = settings.home / "simulation" / use_case.name / _key(use_case, first, settings)[:16]
    stores = {"home": home, "lake_url": "", "ledger_url": SecretStr(""), "landing_url": settings.landing}
    workspace = Workspace(settings.model_copy(update=stores))
    record = _Record(home / "days.json")
    for day in days:
        if day not in record.days:
            record.add(day, _run(use_case, day, workspace))
        progress(day)
    return History(
        tables=SharedTables(
            workspace.lake, use_case.name, {day: record.days[day]["versions"] for day in days}
        ),
        days=days,
        built=frozenset(day for day in days if record.days[day]["built"]),
        _ledger=workspace.ledger,
        _use_case=use_case.name,
    )


class _Day(TypedDict):
    """What the data stages made of a day, with the version of every table after it."""

    built: bool
    versions: dict[str, int]


class _Record:
    """The days that are through, with the versions of the tables after each; replaced at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.days: dict[str, _Day] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def add(self, day: str, outcome: _Day) -> None:
        self.days[day] = outcome
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(self.days), encoding="utf-8")
        draft.replace(self._path)


def days_of(use_case: UseCase, first: str, last: str) -> list[str]:
    """Return the data dates of a range; `ConfigurationError` when the source has no such range."""
    days = partitions.span(first, last)
    start, end = use_case.source.start_date.isoformat(), use_case.source.end_date
    if not days or first < start or (end is not None and last > end.isoformat()):
        until = end.isoformat() if end else "today"
        raise ConfigurationError(
            f"{first} to {last} is no range of {use_case.name}, whose data dates are {start} to {until}"
        )
    return days


def _key(use_case: UseCase, first: str, settings: Settings) -> str:
    code = {
        str(path.relative_to(PROJECT_ROOT)): digest_file(path)
        for folder in _MADE_BY
        for path in sorted((PROJECT_ROOT / "include" / folder).glob("*.py"))
    }
    declared = [use_case.problem, use_case.source, use_case.labels, use_case.contract, use_case.features]
    return digest([declared, load_features(use_case, settings).version, code, settings.landing, first])


def _run(use_case: UseCase, day: str, workspace: Workspace) -> _Day:
    from include.features.stage import build
    from include.ingestion.stage import ingest

    built = True
    try:
        ingest(use_case, day, actor=ACTOR, workspace=workspace)
        build(use_case, day, actor=ACTOR, workspace=workspace)
    except GateRefused:
        built = False
    return {"built": built, "versions": _versions(use_case, workspace)}


def _versions(use_case: UseCase, workspace: Workspace) -> dict[str, int]:
    folder = Path(workspace.lake.root) / use_case.name
    tables = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return {table: workspace.lake.version(use_case.name, table) for table in tables}
