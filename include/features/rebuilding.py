"""Building many days at once, and finding those that are out of date."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from include.feature_definitions import keep_definitions
from include.feature_sets import load_feature_sets
from include.feature_sources import FeatureSource
from include.features.assembling import assemble, publish
from include.features.stage import BESIDE, GATE, decide_on, materials
from include.lake_records import records

if TYPE_CHECKING:
    from include.features.gathering import Material
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
    any place it leaves whole partitions, and goes on when it is run again.

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
    sets = load_feature_sets(use_case, workspace.settings)
    for features in sets.values():
        keep_definitions(use_case, features, workspace)
    counts = workspace.lake.value_counts(use_case.name, "batches")
    found.missing = [day for day in sorted(set(days)) if not counts.get(day)]
    there = [day for day in sorted(set(days)) if counts.get(day)]
    for some in _portions(there, counts):
        today, *beside = materials(use_case, sets.values(), some, workspace.lake)
        changed, refused = _rebuild(today, GATE, actor, workspace)
        for older in beside:
            changed |= _rebuild(older, BESIDE, actor, workspace)[0]
        found.refused |= refused
        found.changed += sorted(changed - set(refused))
        found.unchanged += [day for day in some if day not in changed | set(refused)]
        for day in some if progress is not None else ():
            progress(day)  # type: ignore[misc]
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


def _rebuild(
    material: Material, gate: str, actor: str, workspace: Workspace
) -> tuple[set[str], dict[str, str]]:
    """Build one feature set; return the days that are others now, and the decisions that refused."""
    use_case, lake, version = material.use_case, material.lake, material.features.version
    assembled = assemble(material)
    decisions = decide_on(use_case, assembled, material.days, actor=actor, ledger=workspace.ledger, gate=gate)
    refused = {str(one.partition): one.id for one in decisions if not one.verdict.opens}
    opened = [day for day in material.days if day not in refused]
    if not opened:
        return set(), refused
    before = records(lake, use_case.name, "features", feature_set_version=version)
    publish(use_case, assembled, opened, lake)
    after = records(lake, use_case.name, "features", feature_set_version=version)
    return {day for day in opened if before.get(day) != after.get(day)}, refused


def stale(use_case: UseCase, days: Sequence[str], workspace: Workspace) -> dict[str, str]:
    """Return the days that are to be built again, each with the reason. Nothing is written.

    A day whose features were never built, or were refused, is none of them.
    """
    lake, name = workspace.lake, use_case.name
    sets = load_feature_sets(use_case, workspace.settings)
    built = set(lake.partitions(name, "features")) & set(lake.partitions(name, "batches"))
    wanted = [day for day in sorted(set(days)) if day in built]
    reasons: dict[str, str] = {}
    for number, material in enumerate(materials(use_case, sets.values(), wanted, lake)):
        version = material.features.version
        stored = records(lake, name, "features", feature_set_version=version)
        lacking = [day for day in wanted if day not in stored]
        why = f"not built yet with those of {version}" if number else "the definitions changed since"
        reasons = {**dict.fromkeys(lacking, why), **reasons}
        current = [day for day in wanted if day in stored]
        now = replace(material, days=current, publish=False).sources() if current else {}
        for day in current:
            if reason := _difference(FeatureSource.read(stored[day].source_hash), now[day]):
                reasons.setdefault(day, reason)
    return dict(sorted(reasons.items()))


def _difference(made_from: FeatureSource | None, now: FeatureSource) -> str:
    if made_from is None:
        return "an earlier release built it"
    words = {"batch": "the batch", "side_tables": "a side table", "history": "the history"}
    changed = [word for part, word in words.items() if getattr(made_from, part) != getattr(now, part)]
    return f"{' and '.join(changed)} changed since" if changed else ""
