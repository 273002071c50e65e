"""The features of one request, equal to those that the batch build gives for the same facts.

The definitions are run as they are, each over a frame of one row with its own inputs. What the batch build
joins or adds up is looked up in the state instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from include import partitions
from include.errors import RequestRefused
from include.feature_kinds import Feature
from include.feature_sets import FeatureSet
from include.features.online.plans import Value, groups_of, joins_of, row_plans_of
from include.features.online.reading import Inputs, microseconds
from include.features.online.state import Head, Seen, space_of
from include.features.online.stores import OnlineStore
from include.use_case import UseCase

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Moment:
    """When a request's event happens: in microseconds since 1970, and its data date."""

    at: int
    day: str


class OnlineFeatures:
    """Answers requests of one use case by one version of its features; safe to share between threads.

    Args:
        use_case: whose requests they are.
        features: what to compute.
        store: where the state of this version is kept.
    """

    def __init__(self, use_case: UseCase, features: FeatureSet, store: OnlineStore) -> None:
        self._use_case = use_case
        self._store = store
        self._space = space_of(use_case.name, features.version)
        self._order = features.names
        self._zone = ZoneInfo(use_case.source.timezone)
        self._joins = joins_of(features)
        self._groups = groups_of(features)
        self._rows = row_plans_of(use_case, features)
        self._moments = {name for plan in self._rows for name in plan.moments}
        self._looks = bool(self._joins or self._groups or self._moments)
        needed = {name for plan in self._rows for name in plan.inputs}
        needed |= {name for join in self._joins for name in join.side.by}
        needed |= {name for group in self._groups for name in group.by}
        if self._joins or self._groups:
            needed.add(use_case.source.event_time)
        self._inputs = Inputs(use_case.contract.kept, needed)

    def __call__(self, request: Mapping[str, Any]) -> dict[str, Value]:
        """Return the value of every feature, in their order; None where the batch has a null.

        Args:
            request: the row's columns as JSON gives them; columns that no feature reads may be left out.

        Raises:
            RequestRefused: the request does not fit the contract, speaks of a date before the state's as-of,
                or the state is older than `features.online.max_staleness_days` allows.
            UseCaseError: a definition fails on it.
            Outage: the store does not answer.
        """
        given = self._inputs.read(request)
        found: dict[str, Value] = dict.fromkeys(self._order)
        head: Head | None = None
        if self._looks:
            head = self._look_up(given, found)
        for plan in self._rows:
            found[plan.feature.name] = plan.value(given, () if head is None else head.text_times)
        return found

    def _look_up(self, given: Mapping[str, Any], found: dict[str, Value]) -> Head | None:
        keys = [group.key(given) for group in self._groups]
        moment = self._moment(given) if self._joins or self._groups else None
        sides = [] if moment is None else [join.look(given, moment.at) for join in self._joins]
        seen = self._store.look(self._space, [key for key in keys if key is not None], sides)
        if moment is None:
            if seen.head is None:
                raise self._too_old("nothing", sorted(self._moments))
            return seen.head
        self._check_date(moment, seen.head)
        stale = self._stale(moment, seen)
        if required := [feature.name for feature in stale if feature.online != "may_be_missing"]:
            raise self._too_old("nothing" if seen.head is None else seen.head.as_of, required, moment.day)
        left_out = {feature.name for feature in stale}
        for join, content in zip(self._joins, seen.sides, strict=True):
            found.update(join.values(content))
        entries = iter(seen.entries)
        for group, key in zip(self._groups, keys, strict=True):
            found.update(group.nulls if key is None else group.values(next(entries)))
        found.update(dict.fromkeys(left_out))
        return seen.head

    def _moment(self, given: Mapping[str, Any]) -> _Moment:
        name = self._use_case.source.event_time
        at = None if given[name] is None else microseconds(given[name])
        if at is None:
            raise RequestRefused(f"The request has no {name}, so nobody knows what could be known then")
        return _Moment(at, partitions.key_of(self._date(at)))

    def _date(self, at: int) -> date:
        return (_EPOCH + timedelta(microseconds=at)).astimezone(self._zone).date()

    def _check_date(self, moment: _Moment, head: Head | None) -> None:
        if head is not None and moment.day < head.as_of:
            raise RequestRefused(
                f"The request is of {moment.day} ({self._use_case.source.timezone}), and the state has seen "
                f"what was known by {head.as_of}: it would see the future. Read the published features of "
                f"{moment.day} from the lake instead"
            )

    def _stale(self, moment: _Moment, seen: Seen) -> list[Feature]:
        """Return the features for which the state is older than is allowed."""
        found: list[Feature] = []
        today, allowed = partitions.parse(moment.day), self._use_case.features.online.max_staleness_days
        as_of = date.min if seen.head is None else partitions.parse(seen.head.as_of)
        if (today - as_of).days > allowed:
            found += [feature for group in self._groups for feature in group.features]
        for join, newest in zip(self._joins, seen.newest, strict=True):
            # Rows that were pushed since keep a side table as fresh as they are.
            fresh = as_of if newest is None or seen.head is None else max(as_of, self._date(newest))
            if (today - fresh).days > allowed:
                found += join.features
        return found

    def _too_old(self, as_of: str, names: Sequence[str], day: str = "") -> RequestRefused:
        online = self._use_case.features.online
        return RequestRefused(
            f"The state of {self._use_case.name} is as of {as_of}, and a request{day and f' of {day}'} needs "
            f"{', '.join(names)} from one at most {online.max_staleness_days} days old "
            "(features.online.max_staleness_days). Refresh it with: "
            f"./airlock materialise {self._use_case.name}"
        )
