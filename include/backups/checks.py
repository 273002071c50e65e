"""What must hold of an installation that was restored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from include.champions import newest_champion
from include.errors import AirlockError
from include.lake import TABLES
from include.live_models import training_sets_in_use
from include.registry import CHAMPION
from include.workspace import Workspace

_LOG_ENTRY = re.compile(r"^(?P<table>[^_][^/]*/[^/]+)/_delta_log/(?P<version>\d{20})\.json$")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    holds: bool
    told: str


def table_versions(log_keys: Iterable[str]) -> dict[str, int]:
    """Return the newest version of each table, by the entries of their logs.

    >>> table_versions(["flights/batches/_delta_log/00000000000000000003.json"])
    {'flights/batches': 3}
    """
    found: dict[str, int] = {}
    for match in filter(None, map(_LOG_ENTRY.match, log_keys)):
        table, version = match["table"], int(match["version"])
        found[table] = max(version, found.get(table, 0))
    return found


def findings(workspace: Workspace, *, decisions: int, head: str, tables: dict[str, int]) -> list[Finding]:
    """Walk the ledger, load the champions and read the tables at the versions that the ledger names."""
    found = [_looked("ledger", lambda: _chain(workspace, decisions, head))]
    for table, version in sorted(tables.items()):
        found.append(_looked(f"table {table}", partial(_newest, workspace, table, version)))
    for use_case in sorted({table.split("/")[0] for table in tables}):
        found.append(_looked(f"champion of {use_case}", partial(_champion, workspace, use_case)))
        found.append(_looked(f"training sets of {use_case}", partial(_sets, workspace, use_case)))
    return found


def _looked(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (AirlockError, OSError, ValueError) as error:
        return Finding(what, False, str(error))


def _chain(workspace: Workspace, decisions: int, head: str) -> str:
    found, newest = workspace.ledger.verify(head=head)
    if found < decisions:
        raise ValueError(f"holds {found} decisions, the backup had {decisions}")
    return f"{found} decisions, head {newest[:16]}…"


def _newest(workspace: Workspace, table: str, version: int) -> str:
    use_case, _, name = table.partition("/")
    if name not in TABLES and not name.startswith("side_"):
        return "not read: another release made it"
    opened = workspace.lake.open(use_case, name)
    if opened.version() < version:
        raise ValueError(f"stands at version {opened.version()}, the backup had {version}")
    return f"version {opened.version()}, {opened.to_pyarrow_dataset().count_rows()} rows"


def _champion(workspace: Workspace, use_case: str) -> str:
    champion = newest_champion(workspace.ledger, use_case)
    if champion is None:
        return "none was promoted"
    workspace.registry.load(champion.model)
    alias = workspace.registry.alias_version(use_case, CHAMPION)
    if alias != champion.version:
        raise ValueError(f"the ledger promoted version {champion.version}, MLflow's alias is at {alias}")
    return f"version {champion.version} loads, its hash and signature hold"


def _sets(workspace: Workspace, use_case: str) -> str:
    known = workspace.lake.partitions(use_case, "batches")
    refs = {
        (ref.table, ref.version)
        for used in (training_sets_in_use(workspace.ledger, use_case, known[-1]) if known else [])
        for ref in used.refs
    }
    rows = 0
    for table, version in sorted(refs):
        rows += workspace.lake.open(use_case, table, version).to_pyarrow_dataset().count_rows()
    return f"{len(refs)} table versions can be read, {rows} rows"
