"""Building many days at once, and finding those that are out of date."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.feature_definitions import keep_definitions
from include.feature_sets import load_feature_sets
from include.feature_sources import FeatureSource
from include.features.assembling import assemble, publish
from include.features.gathering import Material
from include.features.stage import decision_of
from include.lake_records import records

if TYPE_CHECKING:
    from include.feature_sets import FeatureSet
    from include.use_case import UseCase
    from include.workspace import Workspace

_ROWS_AT_ONCE = 2_000_000


@dataclass
class Rebuilt:
    """What became of the days of a range.

    Attributes:
        changed: days whose features are others now.
        unchanged: days whose features were right already.
        refused: the decision that shut the door, by day; the features of before still stand.
        missing: days without a batch.
    """

    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def rebuild(
    use_case: UseCase,
    days: Sequence[str],
    *,
    actor: str,
    workspace: Workspace,
    progress: Callable[[str], None] | None = None,
) -> Rebuilt:
    """Build, check and publish the features and labels of many data dates, as `build` would of each.

    As many days as fit into memory are built in one pass and published in one commit a table. Interrupted at
    any place it leaves whole partitions, and goes on when it is run again. Definitions that stand beside
    today's are built as well; a day has changed when its features changed in any of them.

    Args:
        use_case: whose days.
        days: data dates, in any order.
        actor: who asked.
        workspace: where the tables and the ledger are.
        progress: called with each day that is through.

    Raises:
        UseCaseError: a definition is wrong.
    """
    found = Rebuilt()
    today, *beside = load_feature_sets(use_case, workspace.settings).values()
    counts = workspace.lake.value_counts(use_case.name, "batches")
    found.missing = [day for day in sorted(set(days)) if not counts.get(day)]
    there = [day for day in sorted(set(days)) if counts.get(day)]
    for some in _portions(there, counts):
        # Today's come last, so that a day's newest decision is about them.
        for features in (*beside, today):
            keep_definitions(use_case, features, workspace)
            _rebuild(Material(use_case, features, some, workspace.lake), found, actor, workspace)
        for day in some if progress is not None else ():
            progress(day)  # type: ignore[misc]
    found.changed = sorted(set(found.changed))
    found.unchanged = sorted(set(found.unchanged) - set(found.changed) - set(found.refused))
    return found


def _portions(days: Sequence[str], counts: dict[str, int]) -> Iterator[list[str]]:
    some: list[str] = []
    rows = 0
    for day in days:
        if some and rows + counts[day] > _ROWS_AT_ONCE:
            yield some
            some, rows = [], 0
        some, rows = [*some, day], rows + counts[day]
    if some:
        yield some


def _rebuild(material: Material, found: Rebuilt, actor: str, workspace: Workspace) -> None:
    use_case, days, lake = material.use_case, material.days, material.lake
    version, assembled = material.features.version, assemble(material)
    decisions = workspace.ledger.append_all(
        [
            decision_of(use_case, day, assembled.evidence[day], assembled.sources[day].batch, actor)
            for day in days
        ]
    )
    refused = {str(one.partition): one.id for one in decisions if not one.verdict.opens}
    open_days = [day for day in days if day not in refused]
    found.refused |= refused
    if not open_days:
        return

    def contents() -> dict[str, str]:
        stored = records(lake, use_case.name, "features", feature_set_version=version)
        return {day: stored[day].content_hash for day in open_days if day in stored}

    before = contents()
    publish(use_case, assembled, open_days, lake)
    after = contents()
    for day in open_days:
        (found.unchanged if before.get(day) == after.get(day) else found.changed).append(day)


def stale(use_case: UseCase, days: Sequence[str], workspace: Workspace) -> dict[str, str]:
    """Return the days that are to be built again, each with the reason. Nothing is written.

    A day whose features were never built, or were refused, is none of them.
    """
    found: dict[str, list[str]] = {}
    today, *beside = load_feature_sets(use_case, workspace.settings).values()
    for features, about in [(today, ""), *((other, f" ({other.version})") for other in beside)]:
        for day, reason in _stale(use_case, features, days, workspace).items():
            found.setdefault(day, []).append(f"{reason}{about}")
    return {day: "; ".join(reasons) for day, reasons in sorted(found.items())}


def _stale(
    use_case: UseCase, features: FeatureSet, days: Sequence[str], workspace: Workspace
) -> dict[str, str]:
    """Return the days on which one feature set is to be built again, with the reasons."""
    lake, name = workspace.lake, use_case.name
    ours = records(lake, name, "features", feature_set_version=features.version)
    of_any = set(lake.partitions(name, "features"))
    batches = set(lake.partitions(name, "batches"))
    wanted = [day for day in sorted(set(days)) if day in of_any & batches]
    current = [day for day in wanted if day in ours]
    now = Material(use_case, features, current, lake, publish=False).sources() if current else {}
    reasons = {day: "not built with these definitions" for day in wanted if day not in ours}
    for day in current:
        if reason := _difference(FeatureSource.read(ours[day].source_hash), now[day]):
            reasons[day] = reason
    return reasons


def _difference(made_from: FeatureSource | None, now: FeatureSource) -> str:
    if made_from is None:
        return "an earlier release built it"
    words = {"batch": "the batch", "side_tables": "a side table", "history": "the history"}
    changed = [word for part, word in words.items() if getattr(made_from, part) != getattr(now, part)]
    return f"{' and '.join(changed)} changed since" if changed else ""
