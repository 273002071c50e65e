"""Removing the rows of feature sets that nobody needs any more."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include import partitions
from include.champions import champions_of
from include.decisions import Decision, Ruling, Subject, Verdict, decide
from include.feature_sets import load_feature_sets
from include.lake import FEATURE_SET_VERSION
from include.lake_outages import outages
from include.lineage.terms import champion_terms
from include.registry import CANDIDATE, CHALLENGER, CHAMPION, FEATURES_TAG
from include.use_case import UseCase
from include.workspace import Workspace

GATE = "feature_sets"
RULE = (
    "rows of a feature set that neither stands in the use case's folder nor was learned from by a model in "
    "use, a challenger or a candidate are removed once its newest row is older than "
    "retention.unused_feature_sets_days"
)
_TABLES = ("feature_profiles", "features")


class UnusedSet(BaseModel):
    """A feature set whose rows are removed: its partitions, their number, and the oldest and newest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partitions: int
    first: str
    last: str


class FeatureSetsEvidence(BaseModel):
    """What is removed, and why the others stay.

    Attributes:
        newest: the newest batch, from which days are counted.
        removed: by version.
        kept: why each other version stays.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["feature_sets"] = "feature_sets"
    newest: str
    days: int
    removed: dict[str, UnusedSet]
    kept: dict[str, str]


def check(evidence: FeatureSetsEvidence) -> Ruling:
    """Judge a removal of feature sets; what is told is what happens."""
    reasons = [
        f"feature set {version}: {found.partitions} partitions ({found.first}..{found.last}) removed, in use "
        f"nowhere and last built for a date more than {evidence.days} days before {evidence.newest}"
        for version, found in sorted(evidence.removed.items())
    ]
    return Ruling(verdict=Verdict.PASS, reasons=reasons, rule=RULE)


def remove_unused_feature_sets(use_case: UseCase, *, actor: str, workspace: Workspace) -> Decision | None:
    """Remove rows of feature sets that nobody needs; return the decision, or None when there was nothing.

    The decision is in the ledger before anything is removed. Other feature sets keep their files.
    """
    lake, name, days = workspace.lake, use_case.name, use_case.retention.unused_feature_sets_days
    batches, standing = lake.partitions(name, "batches"), lake.feature_set_versions(name)
    if days is None or not batches or not standing:
        return None
    newest = batches[-1]
    declared = load_feature_sets(use_case, workspace.settings)
    kept = dict.fromkeys(declared, "it stands in the use case's folder") | _learned_from(
        use_case, newest, workspace
    )
    oldest_kept = partitions.shift(newest, -days)
    young = {version for version, built in standing.items() if max(built) >= oldest_kept}
    kept |= dict.fromkeys(young - set(kept), f"it was built for a date since {oldest_kept}")
    removed = {
        version: UnusedSet(partitions=len(built), first=min(built), last=max(built))
        for version, built in standing.items()
        if version not in kept
    }
    if not removed:
        return None
    evidence = FeatureSetsEvidence(
        newest=newest,
        days=days,
        removed=removed,
        kept={version: why for version, why in kept.items() if version in standing},
    )
    decision = workspace.ledger.append(
        decide(
            gate=GATE,
            subject=Subject(
                use_case=name, as_of=partitions.key_of(partitions.available_at(newest)), actor=actor
            ),
            ruling=check(evidence),
            evidence=evidence,
            policy=use_case.retention,
            data_refs=[f"{name}/{table}" for table in _TABLES],
        )
    )
    _remove(use_case, sorted(removed), workspace)
    return decision


def _learned_from(use_case: UseCase, newest: str, workspace: Workspace) -> dict[str, str]:
    """Return the versions that models learned from which decide now or later, or that an alias points at."""
    name, registry = use_case.name, workspace.registry
    deciding = {
        term.run_id
        for term in champion_terms(workspace.ledger, name)
        if term.decides and (term.until is None or term.until >= newest)
    }
    found = {
        champion.feature_set_version: f"model version {champion.version} is in use"
        for champion in champions_of(workspace.ledger, name)
        if champion.run_id in deciding
    }
    for alias in (CHAMPION, CHALLENGER, CANDIDATE):
        if version := registry.alias_version(name, alias):
            tags = registry.version_tags(name, version)
            found.setdefault(tags.get(FEATURES_TAG, ""), f"model version {version} is the {alias}")
    return found


def _remove(use_case: UseCase, versions: list[str], workspace: Workspace) -> None:
    named = ", ".join(f"'{version}'" for version in versions)
    for table in _TABLES:
        delta = workspace.lake.find(use_case.name, table)
        if delta is not None and FEATURE_SET_VERSION in [field.name for field in delta.schema().fields]:
            with outages(workspace.lake.root):
                delta.delete(f"{FEATURE_SET_VERSION} IN ({named})")
