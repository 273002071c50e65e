"""The register of feature sets: what each version defines, kept once when it is first built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from include.errors import NotFound
from include.feature_kinds import Feature, HistoryFeature, JoinedFeature, RowFeature
from include.feature_sets import libraries
from include.hashing import canonical_json, digest

if TYPE_CHECKING:
    from include.feature_sets import FeatureSet
    from include.use_case import UseCase
    from include.workspace import Workspace

PAGE = "features/page.html"  # of today's features among the reports of a use case
_RECORDED = ("numpy", "pandas", "pyarrow")


class Definition(BaseModel):
    """One feature as it was declared.

    Attributes:
        source: `row`, `joined` or `history`.
        entity: columns that name whose past or whose side row it is; empty for features of the row.
        parameters: what else was declared, such as the window or the tolerance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["number", "category"]
    source: Literal["row", "joined", "history"]
    inputs: list[str]
    entity: list[str]
    description: str
    owner: str
    low: float | None
    high: float | None
    max_null_share: float
    online: str
    unit: str
    parameters: dict[str, Any]


class Definitions(BaseModel):
    """What one version of a feature set defines.

    Attributes:
        code_hash: of the files where the functions stand, without comments and layout.
        libraries: major and minor versions under which it was first built; those of numpy and pandas are
            part of the version, that of pyarrow is told only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    version: str
    features: list[Definition]
    code_hash: str
    libraries: dict[str, str]


def describe(use_case: UseCase, features: FeatureSet) -> Definitions:
    """Return what a feature set defines."""
    return Definitions(
        use_case=use_case.name,
        version=features.version,
        features=[_definition(use_case, feature) for feature in features.features],
        code_hash=digest(features.code)[:16],
        libraries=libraries(_RECORDED),
    )


def keep_definitions(use_case: UseCase, features: FeatureSet, workspace: Workspace) -> None:
    """Keep what a version defines, unless it is kept already; nothing is ever overwritten.

    The owner of a feature is no part of the version: the register says who it was at first.
    """
    key = _key(use_case.name, features.version)
    if not workspace.definitions.exists(key):
        content = canonical_json(describe(use_case, features)).encode()
        workspace.definitions.put_if_absent(key, content)


def kept_definitions(use_case: str, version: str, workspace: Workspace) -> Definitions:
    """Return what was kept of a version.

    Raises:
        NotFound: it was never built here, or by an earlier release.
    """
    key = _key(use_case, version)
    if not workspace.definitions.exists(key):
        raise NotFound(
            f"No definitions of {use_case} are kept under version {version}; those of today are kept "
            "when they are first built"
        )
    return Definitions.model_validate(json.loads(workspace.definitions.get(key)))


def _key(use_case: str, version: str) -> str:
    return f"{use_case}/{version}.json"


def _definition(use_case: UseCase, feature: Feature) -> Definition:
    limit = feature.max_null_share
    return Definition(
        name=feature.name,
        kind=feature.kind,
        source=_SOURCES[type(feature)],
        inputs=list(feature.reads),
        entity=[] if isinstance(feature, RowFeature) else list(feature.by),
        description=feature.description,
        owner=feature.owner or use_case.owner,
        low=feature.low,
        high=feature.high,
        max_null_share=use_case.features.max_null_share if limit is None else limit,
        online=feature.online,
        unit=feature.unit,
        parameters={
            name: value
            for name, value in vars(feature).items()
            if name not in Definition.model_fields and name not in {"build", "by"}
        },
    )


_SOURCES: dict[type[Feature], Literal["row", "joined", "history"]] = {
    RowFeature: "row",
    JoinedFeature: "joined",
    HistoryFeature: "history",
}
