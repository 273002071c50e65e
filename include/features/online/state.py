"""What is kept for answering requests: values of entities, recent rows of side tables, and as of when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from include.feature_kinds import JoinedFeature
from include.feature_sets import FeatureSet


class Head(BaseModel):
    """What a state is, apart from its values.

    Attributes:
        as_of: data date of the requests that it answers exactly: it has seen what a batch of this date sees.
        contract_hash: of the contracts under which the rows were ingested.
        digest: of all values, so that the same state is not written again.
        text_times: columns of type timestamp that the batches hold as text; the others hold moments.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    feature_set_version: str
    as_of: str
    contract_hash: str
    digest: str
    text_times: tuple[str, ...] = ()


class SideRow(NamedTuple):
    """One row of a side table.

    Attributes:
        side: which columns it is looked up by, see `Side.name`.
        entity: the values of these columns, as `entity_key` spells them.
        at: its time, microseconds since 1970 in UTC.
        values: JSON list of the values that features read, in the order of `Side.columns`.
    """

    side: str
    entity: str
    at: int
    values: str


class State(NamedTuple):
    """All that a request may need, as of one data date.

    Attributes:
        entries: JSON lists of values by key; see `entry_key`.
        side_rows: in the order in which the batch build reads them: of rows with the same side, entity and
            time the last counts.
        settled: by side, the time up to which `side_rows` are complete; what was pushed later stays.
        needed: by side, the time before which no later request looks.
    """

    head: Head
    entries: Mapping[str, str]
    side_rows: Sequence[SideRow]
    settled: Mapping[str, int]
    needed: Mapping[str, int]


class SideLook(NamedTuple):
    """A question for the newest row of a side table at some time in [first, last], in microseconds."""

    side: str
    entity: str
    first: int
    last: int


class Seen(NamedTuple):
    """One consistent look at a state: never a mix of an old and a new one.

    Attributes:
        head: None when nothing was materialised yet; then nothing else was found.
        entries: JSON by the order of the keys asked for; None where there is none.
        sides: values of the rows found, in the order of the questions.
        newest: by question, the time of the newest row of that side, whoever's it is.
    """

    head: Head | None
    entries: Sequence[str | None]
    sides: Sequence[str | None]
    newest: Sequence[int | None]


class Side(NamedTuple):
    """How features look a side table up.

    Attributes:
        columns: all that they read of it, sorted.
        reach: minutes that the farthest of them looks back.
    """

    table: str
    by: tuple[str, ...]
    time: str
    columns: tuple[str, ...]
    reach: int

    @property
    def name(self) -> str:
        return spelled([self.table, list(self.by), self.time])


def sides_of(features: FeatureSet) -> dict[str, Side]:
    """Return the ways in which side tables are looked up, by their names."""
    found: dict[str, Side] = {}
    for feature in features.joined_ones:
        side = side_of(feature)
        known = found.get(side.name, side)
        columns = tuple(sorted({*known.columns, *side.columns}))
        found[side.name] = side._replace(columns=columns, reach=max(known.reach, side.reach))
    return found


def side_of(feature: JoinedFeature) -> Side:
    """Return how one feature looks its side table up."""
    reach = feature.lead_minutes + feature.tolerance_minutes
    return Side(feature.table, feature.by, feature.time, (feature.column,), reach)


def space_of(use_case: str, feature_set_version: str) -> str:
    """Return where the state of one version of the features is kept, apart from all others."""
    return f"{use_case}:{feature_set_version}"


def entry_key(grouping: Sequence[str], entity: str) -> str:
    """Return the key under which the values of an entity are kept."""
    return f"{spelled(list(grouping))}{entity}"


def entity_key(values: Iterable[Any]) -> str:
    """Spell the values that name an entity; equal numbers are spelled alike.

    >>> entity_key(["JFK", 5.0, None])
    '["JFK",5,null]'
    """
    return spelled([_plain(value) for value in values])


def spelled(value: Any) -> str:
    """Return JSON without spaces. Floats are spelled so that reading them gives the same bits."""
    return json.dumps(value, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124 -- the one number that is not itself
            return None
        return int(value) if value.is_integer() else value
    return value
