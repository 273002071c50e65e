"""How each feature of a request is found; everything that no request changes is worked out once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from include.errors import UseCaseError
from include.feature_kinds import Feature, HistoryFeature, JoinedFeature, RowFeature
from include.feature_sets import FeatureSet
from include.features.entities import entity_of
from include.features.history import unseen
from include.features.online.reading import array_of
from include.features.online.state import Side, SideLook, entity_key, entry_key, side_of, sides_of
from include.use_case import UseCase

if TYPE_CHECKING:
    import pandas as pd

Value = float | str | int | bool | None
_MINUTE = 60_000_000  # microseconds
_PLAIN_KINDS = "biuf"  # numpy's booleans, integers and floats
_EXACT = 2**63  # Python's own numbers convert as pandas converts them up to here


@dataclass(frozen=True)
class RowPlan:
    """A feature that is computed from the request's own columns."""

    use_case: UseCase
    feature: RowFeature

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.feature.inputs

    @cached_property
    def moments(self) -> tuple[str, ...]:
        """Inputs of type timestamp, which batches may hold as text."""
        columns = self.use_case.contract.kept.columns
        return tuple(name for name in self.inputs if columns[name].type == "timestamp")

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        return {name: array_of(self.use_case.contract.kept, name) for name in self.inputs}

    def value(self, given: Mapping[str, Any], text_times: Sequence[str]) -> Value:
        """Run the definition over one row."""
        import pandas as pd

        columns = {name: make(given[name], name in text_times) for name, make in self._arrays.items()}
        try:
            values = self.feature.build(pd.DataFrame(columns, index=_ONE.index, copy=False))
        except Exception as error:
            raise UseCaseError(
                f"Feature {self.feature.name!r} fails on the request: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(values, pd.Series) or len(values) != 1 or values.index[0] != 0:
            raise UseCaseError(
                f"Feature {self.feature.name!r} must return a Series with one value for a request's one row, "
                "under the row's index"
            )
        return value_of(self.feature, values)


class _One:
    """The index of every frame of one row."""

    @cached_property
    def index(self) -> pd.RangeIndex:
        import pandas as pd

        return pd.RangeIndex(1)


_ONE = _One()


@dataclass(frozen=True)
class Join:
    """Features that are answered by the same row of a side table."""

    features: tuple[JoinedFeature, ...]
    side: Side
    name: str
    lead: int
    tolerance: int

    def look(self, given: Mapping[str, Any], at: int) -> SideLook:
        """Return the question for the newest row that was known before an event."""
        last = at - self.lead * _MINUTE
        entity = entity_key(given[name] for name in self.side.by)
        return SideLook(self.name, entity, last - self.tolerance * _MINUTE, last)

    def values(self, content: str | None) -> dict[str, Value]:
        """Return the features by the row that was found."""
        if content is None:
            return dict.fromkeys(feature.name for feature in self.features)
        row = dict(zip(self.side.columns, json.loads(content), strict=True))
        return {feature.name: _looked_up(feature, row[feature.column]) for feature in self.features}


@dataclass(frozen=True)
class Group:
    """Features that follow the past of the same entity."""

    by: tuple[str, ...]
    features: tuple[HistoryFeature, ...]

    @cached_property
    def nulls(self) -> dict[str, Value]:
        """What a request without an entity is answered."""
        return dict.fromkeys(feature.name for feature in self.features)

    @cached_property
    def unseen(self) -> dict[str, Value]:
        """What an entity that was never seen is answered."""
        return {feature.name: _number(feature, unseen(feature)) for feature in self.features}

    def key(self, given: Mapping[str, Any]) -> str | None:
        """Return where the entity's values are kept, or None when a column that names it is null."""
        entity = entity_of([given[name] for name in self.by])
        return None if entity is None else entry_key(self.by, entity)

    def values(self, content: str | None) -> dict[str, Value]:
        """Return the features by what is kept of the entity."""
        if content is None:
            return self.unseen
        values = json.loads(content)
        return {
            feature.name: None if value is None else _number(feature, value)
            for feature, value in zip(self.features, values, strict=True)
        }


def row_plans_of(use_case: UseCase, features: FeatureSet) -> list[RowPlan]:
    """Return how the features of the row itself are computed; those of scope `batch` are missing online."""
    return [RowPlan(use_case, feature) for feature in features.of_rows if feature.scope == "row"]


def joins_of(features: FeatureSet) -> list[Join]:
    """Return the looks at side tables, each with all features that it answers."""
    sides = sides_of(features)
    found: dict[tuple[str, int, int], list[JoinedFeature]] = {}
    for feature in features.joined_ones:
        key = (side_of(feature).name, feature.lead_minutes, feature.tolerance_minutes)
        found.setdefault(key, []).append(feature)
    return [Join(tuple(same), sides[name], name, lead, old) for (name, lead, old), same in found.items()]


def groups_of(features: FeatureSet) -> list[Group]:
    """Return the groupings whose entities are followed, each with its features in order."""
    found: dict[tuple[str, ...], list[HistoryFeature]] = {}
    for feature in features.of_history:
        found.setdefault(feature.by, []).append(feature)
    return [Group(by, tuple(same)) for by, same in found.items()]


def value_of(feature: Feature, values: pd.Series) -> Value:
    """Return the one value of a Series as the batch build types it, None for null."""
    value = values.array[0]
    if values.dtype.kind in _PLAIN_KINDS and hasattr(value, "item"):
        plain: Value = value.item()
        if feature.kind == "number":
            return _number(feature, float(plain))  # type: ignore[arg-type]
        return None if plain != plain else plain  # noqa: PLR0124 -- the one number that is not itself
    if feature.kind == "category" and (value is None or isinstance(value, str)):
        return value
    return _as_in_a_batch(feature, values)


def _as_in_a_batch(feature: Feature, values: pd.Series) -> Value:
    from include.features.building import typed

    value = typed(feature, values)[0].iloc[0]
    if feature.kind == "category":
        return value  # type: ignore[no-any-return]
    return None if math.isnan(value) else float(value)


def _looked_up(feature: JoinedFeature, value: Any) -> Value:
    if value is None:
        return None
    if feature.kind == "category":
        return value  # type: ignore[no-any-return]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _EXACT):
        return _number(feature, float(value))
    import pandas as pd

    return _as_in_a_batch(feature, pd.Series([value], dtype=object))


def _number(feature: Feature, value: float) -> Value:
    """Make null what is no finite number or outside the declared range."""
    if not math.isfinite(value):
        return None
    below = feature.low is not None and value < feature.low
    above = feature.high is not None and value > feature.high
    return None if below or above else value
