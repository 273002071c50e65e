"""What is known of the feature sets of a use case: definitions, rows, users, what is out of date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from include.champions import champions_of
from include.errors import NotFound, Outage
from include.feature_definitions import Definitions, describe, kept_definitions
from include.feature_sets import load_feature_sets
from include.features.rebuilding import stale
from include.lineage import mlflow_answers
from include.registry import CANDIDATE, CHALLENGER, CHAMPION, FEATURES_TAG

if TYPE_CHECKING:
    from include.use_case import UseCase
    from include.workspace import Workspace

_ALIASES = (CHAMPION, CHALLENGER, CANDIDATE)


class FeatureSetState(BaseModel):
    """One version of the features of a use case.

    Attributes:
        role: `today` for `features.py`, the file's name for one of `features.beside`, empty for what only
            rows or models still name.
        definitions: None where nothing of it was kept.
        first: oldest partition with rows; empty where there is none.
        models: registered versions that learned from it, newest first.
        aliases: of these models in MLflow, with the version that each points at.
        champions: versions that the ledger ever put in use, newest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    role: str
    definitions: Definitions | None
    partitions: int
    rows: int
    first: str
    last: str
    models: list[str]
    aliases: dict[str, str]
    champions: list[str]


class Catalogue(BaseModel):
    """All versions of a use case, today's first.

    Attributes:
        stale: partitions that are to be built again, with the reason.
        notes: what could not be asked, and a champion whose definitions are gone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    sets: list[FeatureSetState]
    stale: dict[str, str]
    notes: list[str]


def catalogue(use_case: UseCase, workspace: Workspace) -> Catalogue:
    """Gather what is known of the feature sets of a use case. Nothing is written.

    Raises:
        UseCaseError: a definition is wrong.
    """
    name, lake = use_case.name, workspace.lake
    declared = load_feature_sets(use_case, workspace.settings)
    roles = dict(zip(declared, ["today", *use_case.features.beside], strict=True))
    standing = lake.feature_set_versions(name)
    notes: list[str] = []
    try:
        models, aliases = _models(name, workspace)
    except Outage as error:
        models, aliases = {}, {}
        notes.append(f"which models learned from what is not shown: {error}")
    champions = champions_of(workspace.ledger, name)
    if champions and champions[0].feature_set_version not in declared:
        notes.append(
            f"champion {champions[0].version} learned from version {champions[0].feature_set_version}, which "
            "no file defines: new dates cannot be scored with it. Keep its file in features.beside, or train"
        )
    reigned = [(one.version, one.feature_set_version) for one in champions]
    others = {*standing, *models.values(), *(version for _, version in reigned)} - set(declared)
    sets = []
    for version in [*declared, *sorted(others)]:
        rows = standing.get(version, {})
        mine = [model for model, used in models.items() if used == version]
        found = declared.get(version)
        sets.append(
            FeatureSetState(
                version=version,
                role=roles.get(version, ""),
                definitions=describe(use_case, found) if found else _kept(name, version, workspace),
                partitions=len(rows),
                rows=sum(rows.values()),
                first=min(rows, default=""),
                last=max(rows, default=""),
                models=mine,
                aliases={alias: model for alias, model in aliases.items() if model in mine},
                champions=list(dict.fromkeys(model for model, used in reigned if used == version)),
            )
        )
    days = lake.partitions(name, "features")
    return Catalogue(use_case=name, sets=sets, stale=stale(use_case, days, workspace), notes=notes)


def _kept(use_case: str, version: str, workspace: Workspace) -> Definitions | None:
    try:
        return kept_definitions(use_case, version, workspace)
    except NotFound:
        return None


def _models(use_case: str, workspace: Workspace) -> tuple[dict[str, str], dict[str, str]]:
    """Return the feature set of each registered version, newest first, and where the aliases point."""
    registry = workspace.registry
    with mlflow_answers(workspace.settings):
        found = registry.client.search_model_versions(f"name = '{use_case}'")
    named = sorted(((int(one.version), one.tags.get(FEATURES_TAG, "")) for one in found), reverse=True)
    aliases = {alias: registry.alias_version(use_case, alias) for alias in _ALIASES}
    return (
        {str(version): used for version, used in named},
        {alias: version for alias, version in aliases.items() if version},
    )
