"""Rules of the organisation: `include/policies/*.yaml`, which no use case can loosen.

A bound limits one setting. Where a use case leaves the setting to its default and the default is looser, the
bound takes its place; where a use case writes a looser value, its file is an error. A required rule is added
to the rules of every evaluation; since all rules must pass, nothing in a use case can undo it.
"""

from __future__ import annotations

import math
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from include.declarations import explained, read_mapping
from include.errors import UseCaseError
from include.settings import PROJECT_ROOT, Settings
from include.use_case import UseCase
from include.use_case_places import exists, leaves, places
from include.use_case_sections import EvaluationGate, Identifier

Scalar = bool | int | float | str


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Bound(_Part):
    """A limit on one setting. `evaluation.gates[champion].alpha` means every rule of that kind."""

    setting: str = Field(pattern=r"^[a-z_]+(\[[a-z_]+\])?(\.[a-z_]+(\[[a-z_]+\])?)+$")
    at_least: float | None = None
    at_most: float | None = None
    equals: Scalar | None = None
    why: str = Field(min_length=1, description="shown to whoever breaks it")

    @model_validator(mode="after")
    def _one_limit(self) -> Bound:
        if sum(limit is not None for limit in (self.at_least, self.at_most, self.equals)) != 1:
            raise ValueError(f"the bound of {self.setting} needs exactly one of at_least, at_most, equals")
        return self

    @property
    def value(self) -> Any:
        """The loosest value that is allowed."""
        return next(limit for limit in (self.at_least, self.at_most, self.equals) if limit is not None)

    def allows(self, value: Any) -> bool:
        """Tell whether a value keeps the bound. Nothing, where a number is due, keeps no limit."""
        if self.equals is not None:
            return bool(value == self.equals)
        if value is None:
            return False
        return bool(value >= self.value if self.at_least is not None else value <= self.value)

    def __str__(self) -> str:
        if self.equals is not None:
            return f"exactly {self.equals}"
        return f"at least {self.value:g}" if self.at_least is not None else f"at most {self.value:g}"


class Policy(_Part):
    """One file of the organisation's rules."""

    name: Identifier
    owner: str
    applies_to: list[str] = Field(default_factory=lambda: ["*"], description="patterns of use-case names")
    bounds: list[Bound] = Field(default_factory=list)
    gates: list[EvaluationGate] = Field(
        default_factory=list, description="rules that every evaluation must pass"
    )

    def concerns(self, use_case: str) -> bool:
        """Tell whether this policy holds for a use case."""
        return any(fnmatchcase(use_case, pattern) for pattern in self.applies_to)


class Origin(NamedTuple):
    """Where an effective value comes from.

    Attributes:
        source: `file`, `default`, or `policy <name>`.
        bound: the limit that it keeps, empty where there is none.
    """

    setting: str
    value: Any
    source: str
    bound: str


class Effective(NamedTuple):
    """A use case under the organisation's rules."""

    use_case: UseCase
    policies: list[Policy]
    taken: dict[str, str]
    added: dict[int, str]


def load_policies(settings: Settings) -> list[Policy]:
    """Read all policies.

    Raises:
        UseCaseError: a file is wrong, and then no use case is declared; each line is one mistake.
    """
    return [read_policy(path) for path in sorted(settings.policies_dir.glob("*.yaml"))]


def read_policy(path: Path) -> Policy:
    """Read one policy.

    Raises:
        UseCaseError: it is wrong, or bounds a setting that does not exist.
    """
    shown = path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path
    content = read_mapping(path)
    try:
        policy = Policy.model_validate(content)
    except ValidationError as error:
        raise UseCaseError("\n".join(f"{shown}: {line}" for line in explained(error, content))) from None
    for index, bound in enumerate(policy.bounds):
        if not exists(UseCase, bound.setting):
            raise UseCaseError(
                f"{shown}: bounds[{index}].setting: {bound.setting!r} is no number or word that a use case "
                "sets; see docs/use-case.md"
            )
    return policy


def under(use_case: UseCase, policies: list[Policy], shown: Path | str = "use_case.yaml") -> Effective:
    """Apply the policies that concern a use case.

    Raises:
        UseCaseError: the use case loosens one; each line names setting, value, limit and reason.
    """
    policies = [policy for policy in policies if policy.concerns(use_case.name)]
    problems: list[str] = []
    content, taken = use_case.model_dump(), dict[str, str]()
    for policy in policies:
        for bound in policy.bounds:
            for place in places(use_case, bound.setting):
                held = _held(content, place.keys)
                if bound.allows(held):
                    continue
                if place.written:
                    problems.append(
                        f"{shown}: {place.name}: {held!r} loosens policy {policy.name}, which asks for "
                        f"{bound} ({bound.why}); correct it or leave it out"
                    )
                _put(content, place.keys, _typed(bound, held))
                taken[place.name] = policy.name
    if problems:
        raise UseCaseError("\n".join(problems))
    gates, added = list(use_case.evaluation.gates), dict[int, str]()
    for policy in policies:
        for gate in policy.gates:
            if gate not in gates:
                added[len(gates)] = policy.name
                gates.append(gate)
                content["evaluation"]["gates"].append(gate.model_dump())
    changed = UseCase.model_validate(content) if taken or added else use_case
    return Effective(changed, policies, taken, added)


def origins(declared: UseCase, effective: Effective) -> list[Origin]:
    """Return every setting of a use case with its value, where that comes from, and its bound."""
    bounds = {
        place.name: str(bound)
        for policy in effective.policies
        for bound in policy.bounds
        for place in places(effective.use_case, bound.setting)
    }
    written = {place.name for place in leaves(declared) if place.written}
    found: list[Origin] = []
    for place in leaves(effective.use_case):
        index = re.match(r"evaluation\.gates\[(\d+)\]", place.name)
        if place.name in effective.taken:
            source = f"policy {effective.taken[place.name]}"
        elif index and int(index[1]) in effective.added:
            source = f"policy {effective.added[int(index[1])]}"
        else:
            source = "file" if place.name in written else "default"
        found.append(Origin(place.name, place.value, source, bounds.get(place.name, "")))
    return found


def _held(content: Any, keys: tuple[str | int, ...]) -> Any:
    for key in keys:
        content = content[key]
    return content


def _put(content: Any, keys: tuple[str | int, ...], value: Any) -> None:
    *before, last = keys
    _held(content, tuple(before))[last] = value


def _typed(bound: Bound, held: Any) -> Any:
    """Return a bound as the setting's own type: of 200.5 rows or more, 201 is the fewest."""
    if bound.equals is not None or not isinstance(held, int) or isinstance(held, bool):
        return bound.value
    return math.ceil(bound.value) if bound.at_least is not None else math.floor(bound.value)
