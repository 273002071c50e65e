"""The report of a watched partition, made from the verdicts that monitoring recorded on it.

It is work of its own, beside the watch of the next days: no verdict waits for a picture, and a page that
cannot be drawn holds nothing up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from include.decisions import Decision
from include.errors import NotFound, NothingToDo
from include.hashing import digest
from include.monitoring import concept, drift, performance, quality
from include.monitoring.page import render_page
from include.monitoring.report import libraries, render_report
from include.monitoring.watched import Watched, watch
from include.page_libraries import put_page

if TYPE_CHECKING:
    from include.use_case import UseCase
    from include.workspace import Workspace

_REPORT_TAG = "airlock.monitor_report"
_TOLD = (quality.GATE, drift.GATE, performance.GATE, concept.GATE)
# The page records nothing, so nobody answers for it.
_NOBODY = ""


def publish_report(use_case: UseCase, partition: str, *, workspace: Workspace) -> str:
    """Write the page of a partition and Evidently's report, unless its verdicts have them; return its key.

    Raises:
        NothingToDo: the use case wants no reports, or there was no champion.
        NotFound: the partition was not scored, or not watched.
    """
    if not use_case.monitoring.report:
        raise NothingToDo(f"{use_case.name} declares monitoring.report: false, so no page is made")
    watched = watch(use_case, partition, actor=_NOBODY, workspace=workspace)
    verdicts = _verdicts(watched)
    key = key_of_report(watched, verdicts)
    if not workspace.reports.exists(key):
        workspace.reports.put(key, render_page(watched, verdicts, _publish_evidently(watched)))
    tags = {_REPORT_TAG: f"{partition} {workspace.reports.address(key)}"}
    workspace.registry.log_to_run(watched.champion.run_id, metrics={}, tags=tags)
    return key


def key_of_report(watched: Watched, verdicts: Mapping[str, Decision]) -> str:
    """Return where the page on these verdicts lies: other verdicts have another page."""
    name = digest([verdicts[gate].id for gate in _TOLD])[:12]
    return f"{_folder(watched)}/monitor-{name}.html"


def _verdicts(watched: Watched) -> dict[str, Decision]:
    """Return the newest verdicts on the partition by gate."""
    ledger, name, partition = watched.workspace.ledger, watched.use_case.name, watched.partition
    found: dict[str, Decision] = {}
    for decision in ledger.find(use_case=name, gate=_TOLD, partition=partition):
        found.setdefault(decision.gate, decision)
    if missing := [gate for gate in _TOLD if gate not in found]:
        raise NotFound(
            f"{name} has no verdict of {', '.join(missing)} on {partition}; run {name}.monitor for it first"
        )
    return {gate: found[gate] for gate in _TOLD}


def _publish_evidently(watched: Watched) -> str:
    """Write Evidently's report of what was scored, once; return its name, empty without a reference."""
    reports, reference = watched.workspace.reports, watched.reference
    if reference.sample.empty:
        return ""
    name = f"drift-{watched.predictions['content_hash'].iloc[0][:12]}.html"
    if not reports.exists(f"{_folder(watched)}/{name}"):
        seed = watched.use_case.training.seed
        content = render_report(reference.sample, watched.rows, watched.features, seed)
        put_page(reports, f"{_folder(watched)}/{name}", content, libraries())
    return name


def _folder(watched: Watched) -> str:
    return f"{watched.use_case.name}/{watched.partition}"
