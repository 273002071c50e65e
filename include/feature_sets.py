"""How a use case declares its features, and how they are found: `features.py` beside the YAML.

A feature is a plain function over the rows of one batch. The same function serves training, batch scoring
and online serving. Encoders and scalers that are fitted to data are no features: they belong to the model's
pipeline.

::

    features = FeatureSet()

    @features.row(kind="number", inputs=["hour", "minute"], low=0, high=1500, description="minute of the day")
    def departure_minute(rows):
        return rows["hour"] * 60 + rows["minute"]
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal

from include.errors import UseCaseError
from include.feature_clocks import clocks_of
from include.feature_kinds import (
    OUTCOME,
    Feature,
    HistoryFeature,
    JoinedFeature,
    Kind,
    Online,
    RowFeature,
    RowFunction,
)
from include.feature_shipping import require_shippable
from include.hashing import digest
from include.lake import AUDIT_COLUMNS, LABEL, ROW_KEY
from include.settings import Settings
from include.use_case import UseCase

# Neither a unit or an owner, for people to read, nor where a function may run makes another feature.
_NO_MATTER = {"build", "unit", "owner", "engine"}
# Columns that stand beside the features in the tables.
_RESERVED = {ROW_KEY, "event_time", LABEL, "score", "feature_set_version", *AUDIT_COLUMNS}


@dataclass
class FeatureSet:
    """All features of a use case, in the order of their declaration."""

    features: list[Feature] = field(default_factory=list)

    def row(
        self,
        *,
        kind: Kind,
        inputs: Sequence[str],
        description: str,
        low: float | None = None,
        high: float | None = None,
        max_null_share: float | None = None,
        unit: str = "",
        owner: str = "",
        online: Online = "required",
        scope: Literal["row", "batch"] = "row",
        engine: Literal["any", "pandas"] = "any",
    ) -> Callable[[RowFunction], RowFunction]:
        """Declare the decorated function as a feature of its own name."""

        def declare(build: RowFunction) -> RowFunction:
            self._add(
                RowFeature(
                    name=build.__name__,
                    kind=kind,
                    inputs=tuple(inputs),
                    description=description,
                    build=build,
                    low=low,
                    high=high,
                    max_null_share=max_null_share,
                    unit=unit,
                    owner=owner,
                    online=online,
                    scope=scope,
                    engine=engine,
                )
            )
            return build

        return declare

    def joined(self, **declaration: object) -> None:
        """Declare a `JoinedFeature` by its fields."""
        self._add(JoinedFeature(**declaration))  # type: ignore[arg-type]

    def history(self, **declaration: object) -> None:
        """Declare a `HistoryFeature` by its fields."""
        self._add(HistoryFeature(**declaration))  # type: ignore[arg-type]

    def _add(self, feature: Feature) -> None:
        if feature.name in self.names:
            raise UseCaseError(f"Feature {feature.name!r} is declared twice; rename one of them")
        if feature.name in _RESERVED:
            raise UseCaseError(f"Feature {feature.name!r} has the name of a column of Airlock's; rename it")
        self.features.append(feature)

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @property
    def of_rows(self) -> list[RowFeature]:
        return [feature for feature in self.features if isinstance(feature, RowFeature)]

    @property
    def joined_ones(self) -> list[JoinedFeature]:
        return [feature for feature in self.features if isinstance(feature, JoinedFeature)]

    @property
    def of_history(self) -> list[HistoryFeature]:
        return [feature for feature in self.features if isinstance(feature, HistoryFeature)]

    @property
    def numbers(self) -> list[str]:
        return [feature.name for feature in self.features if feature.kind == "number"]

    @property
    def categories(self) -> list[str]:
        return [feature.name for feature in self.features if feature.kind == "category"]

    @property
    def version(self) -> str:
        """Hash of all definitions: what they declare, their code, and the libraries that compute them.

        Of the code the whole files count where functions stand, because a function may use helpers and
        constants; comments and layout do not. Of pandas and numpy the major and minor version count.
        """
        declared = [_declared(feature) for feature in self.features]
        return digest([declared, self.code, libraries()])[:16]

    @property
    def code(self) -> list[str]:
        """Code of the files where the functions stand, without comments and layout."""
        functions = [feature.build for feature in self.of_rows]
        files = {inspect.getfile(inspect.unwrap(function)) for function in functions}
        return sorted(_code(Path(file)) for file in files)


@cache
def libraries(names: tuple[str, ...] = ("numpy", "pandas")) -> dict[str, str]:
    """Return major and minor version of libraries; by default of those whose release may change a value."""
    return {name: ".".join(metadata.version(name).split(".")[:2]) for name in names}


def _declared(feature: Feature) -> dict[str, object]:
    return {name: value for name, value in vars(feature).items() if name not in _NO_MATTER}


def _code(path: Path) -> str:
    return ast.unparse(ast.parse(path.read_text(encoding="utf-8")))


def load_features(use_case: UseCase, settings: Settings) -> FeatureSet:
    """Return the features that a use case declares.

    Raises:
        UseCaseError: the file is missing, fails, declares nothing, or a feature reads a column that does not
            exist or is known only after the outcome.
    """
    return _load(settings.use_cases_dir / use_case.name / "features.py", use_case)


def load_feature_sets(use_case: UseCase, settings: Settings) -> dict[str, FeatureSet]:
    """Return today's features, and after them those that stand beside it in `features.beside`, by version.

    Raises:
        UseCaseError: as `load_features`, for any of the files; one lies outside the use case's folder; two
            of them define the same features.
    """
    folder = settings.use_cases_dir / use_case.name
    today = load_features(use_case, settings)
    found, files = {today.version: today}, {today.version: "features.py"}
    for name in use_case.features.beside:
        path = folder / name
        if path.is_symlink() or path.resolve().parent != folder.resolve():
            raise UseCaseError(f"features.beside: {name} leads out of {folder}; keep the file itself there")
        features = _load(path, use_case)
        if features.version in found:
            raise UseCaseError(
                f"features.beside: {name} defines the same features as {files[features.version]} (version "
                f"{features.version}); remove it from the list"
            )
        found[features.version], files[features.version] = features, name
    return found


def _load(path: Path, use_case: UseCase) -> FeatureSet:
    # A name of its own for every file, so that two use cases never see each other's module.
    name = f"airlock_features_{use_case.name}_{abs(hash(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UseCaseError(
            f"{path} is missing; declare `features = FeatureSet()` there and decorate functions"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UseCaseError:
        raise
    except Exception as error:
        raise UseCaseError(f"{path} fails when it is read: {type(error).__name__}: {error}") from error
    found = getattr(module, "features", None)
    if not isinstance(found, FeatureSet) or not found.features:
        raise UseCaseError(
            f"{path} declares no features; it needs a FeatureSet called `features` with some in it"
        )
    _check(use_case, found)
    return found


def _check(use_case: UseCase, found: FeatureSet) -> None:
    require_shippable(found)
    for feature in found.features:
        inputs = feature.reads
        if isinstance(feature, RowFeature) and (clocks := clocks_of(feature.build)):
            raise UseCaseError(
                f"Feature {feature.name!r} reads the clock ({', '.join(clocks)}), so the same row would have "
                "another value tomorrow; compute it from its inputs alone, such as the event's time"
            )
        if isinstance(feature, HistoryFeature) and feature.value not in {"", OUTCOME}:
            _require(feature.name, {feature.value}, set(use_case.contract.kept.columns))
        if isinstance(feature, JoinedFeature):
            table = use_case.source.side_tables.get(feature.table)
            if table is None:
                raise UseCaseError(
                    f"Feature {feature.name!r}: side table {feature.table!r} is not in source.side_tables"
                )
            _require(
                feature.name, {feature.column, feature.time, *feature.by}, set(table.contract.kept.columns)
            )
        if feature.name in use_case.forbidden_features - set(inputs):
            raise UseCaseError(
                f"Feature {feature.name!r} has the name of a column that is known only after the outcome "
                "(labels); rename it, or nobody can tell the two apart"
            )
        if leaking := set(inputs) & use_case.forbidden_features:
            raise UseCaseError(
                f"Feature {feature.name!r} reads {sorted(leaking)}, known only after the outcome "
                "(labels.post_outcome_columns); a model could never have it in time, so remove it"
            )
        _require(feature.name, set(inputs), set(use_case.contract.kept.columns))


def _require(feature: str, needed: set[str], declared: set[str]) -> None:
    if unknown := needed - declared:
        raise UseCaseError(
            f"Feature {feature!r} reads {sorted(unknown)}, which the contract does not declare"
        )
