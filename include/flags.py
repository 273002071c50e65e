"""Switches without a redeploy: feature flags of OpenFeature that change a declaration at run time.

A flag is named after the setting that it changes, as messages about `use_case.yaml` name it:
`flights.contract.columns.origin.severity`, `flights.contract.mode`, `flights.contract.drift.severity`,
`flights.contract.rules.origin.range.severity`, `flights.privacy.masking`. The declared value is the flag's
default. Flags are looked at once per decision, which records those that it saw.

What cannot be read is not guessed at: the declared value applies, and the decision says so.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from include.declarations import read_yaml
from include.errors import ConfigurationError, UseCaseError
from include.settings import Settings
from include.use_case import UseCase
from include.use_case_sections import Contract

if TYPE_CHECKING:
    from openfeature.flag_evaluation import FlagEvaluationDetails
    from openfeature.provider import FeatureProvider
    from openfeature.provider.in_memory_provider import InMemoryProvider

_DOMAIN = "airlock"
_SWITCHES = {"severity", "mode", "extra_columns", "masking", "undeclared"}
_UNSAID = ""
_SECTIONS = ("contract", "source", "privacy")


@dataclass(frozen=True)
class Switches:
    """What the flags said when a decision was taken.

    Attributes:
        seen: value by name of the flag, for those that a provider answered.
        problems: flags that could not be followed; the declared values applied.
    """

    seen: dict[str, str | bool] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def switched(use_case: UseCase, settings: Settings) -> tuple[UseCase, Switches]:
    """Return the use case as the flags have it at this moment, and what they said.

    Raises:
        ConfigurationError: the setting `flags_provider` names no provider.
    """
    switches = Switches()
    answers = _Answers(settings, switches.problems)
    declared = use_case.model_dump()
    current = declared
    for path, value in _switchable(use_case):
        name = ".".join((use_case.name, *path))
        found = answers.value(name, value)
        if found is None:
            continue
        candidate = _with(current, path, found)
        try:
            UseCase.model_validate(candidate)
        except ValidationError:
            switches.problems.append(f"flag {name}: {found!r} is no possible value; {_told(value)}")
            continue
        switches.seen[name] = found
        current = candidate
    answers.check_names(use_case, [".".join((use_case.name, *path)) for path, _ in _switchable(use_case)])
    now = use_case if current == declared else UseCase.model_validate(current)
    return (now, switches) if now.privacy.masking else (_in_clear(now, switches), switches)


def _in_clear(use_case: UseCase, switches: Switches) -> UseCase:
    switches.problems.append("privacy.masking is off: declared personal data are written in clear")

    def clear(contract: Contract) -> Contract:
        columns = {name: column.model_copy(update={"pii": None}) for name, column in contract.columns.items()}
        return contract.model_copy(update={"columns": columns})

    tables = {
        name: table.model_copy(update={"contract": clear(table.contract)})
        for name, table in use_case.source.side_tables.items()
    }
    source = use_case.source.model_copy(update={"side_tables": tables})
    return use_case.model_copy(update={"contract": clear(use_case.contract), "source": source})


def _switchable(use_case: UseCase) -> Iterator[tuple[tuple[str, ...], str | bool]]:
    """Yield the path and the declared value of every setting that a flag may change."""
    pending: list[tuple[tuple[str, ...], Any]] = [((name,), getattr(use_case, name)) for name in _SECTIONS]
    while pending:
        path, value = pending.pop(0)
        if isinstance(value, Contract):
            yield from _rules(path, value)
        if isinstance(value, BaseModel):
            pending += [((*path, name), getattr(value, name)) for name in type(value).model_fields]
        elif isinstance(value, dict):
            pending += [((*path, str(name)), part) for name, part in value.items()]
        elif isinstance(value, list):
            pending += [((*path, str(place)), part) for place, part in enumerate(value)]
        elif path[-1] in _SWITCHES and "rules" not in path[:-1]:
            yield path, value


def _rules(path: tuple[str, ...], contract: Contract) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what a flag may say of each rule by its name, whether or not the declaration says it already."""
    for rule in contract.rule_names():
        policy = contract.rules.get(rule)
        yield (*path, "rules", rule, "severity"), (policy and policy.severity) or _UNSAID
        yield (*path, "rules", rule, "mode"), (policy and policy.mode) or _UNSAID


def _with(content: dict[str, Any], path: tuple[str, ...], value: str | bool) -> dict[str, Any]:
    changed = deepcopy(content)
    place: Any = changed
    for name in path[:-1]:
        place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
    place[path[-1]] = value
    return changed


def _told(declared: str | bool) -> str:
    return "what is declared applies" if declared == _UNSAID else f"{declared!r} applies"


class _Answers:
    """Asks OpenFeature; every problem is noted once."""

    def __init__(self, settings: Settings, problems: list[str]) -> None:
        from openfeature import api

        self._problems = problems
        self._names: frozenset[str] | None = None
        provider: FeatureProvider
        if settings.flags_provider:
            provider = _provider(settings.flags_provider)
        else:
            flags = self._file(settings)
            self._names = frozenset(flags)
            provider = file_provider(flags)
        api.set_provider(provider, _DOMAIN)
        self._client = api.get_client(_DOMAIN)

    def value(self, name: str, declared: str | bool) -> str | bool | None:
        """Return what a flag says; None when nobody set it or it cannot be followed."""
        from openfeature.exception import ErrorCode

        answer: FlagEvaluationDetails[bool] | FlagEvaluationDetails[str]
        if isinstance(declared, bool):
            answer = self._client.get_boolean_details(name, declared)
        else:
            answer = self._client.get_string_details(name, declared)
        if answer.error_code is None:
            return answer.value if str(answer.reason) != "DEFAULT" else None
        if answer.error_code is not ErrorCode.FLAG_NOT_FOUND:
            told = f"flag {name} cannot be read ({answer.error_code.value}); {_told(declared)}"
            self._problems.append(told)
        return None

    def check_names(self, use_case: UseCase, known: list[str]) -> None:
        """Note the flags of a use case that change nothing, so that a slip in a name does not stay unseen."""
        for name in sorted(self._names or ()):
            if name.startswith(f"{use_case.name}.") and name not in known:
                self._problems.append(f"flag {name} names no setting that can be switched")

    def _file(self, settings: Settings) -> dict[str, str | bool]:
        path = settings.flags
        if not path.exists() and not settings.flags_file:
            return {}
        try:
            return read_flags(path)
        except ConfigurationError as error:
            self._problems.append(f"{error}; the declared values apply")
            return {}


def read_flags(path: Path) -> dict[str, str | bool]:
    """Read a file of flags: a mapping of names to texts or truth values.

    Raises:
        ConfigurationError: it cannot be read, or holds something else.
    """
    try:
        content = read_yaml(path) or {}
    except UseCaseError as error:
        raise ConfigurationError(f"flags in {_line(error)}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"flags in {path} are no mapping of names to values")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, str | bool):
            raise ConfigurationError(f"flags in {path}: {name!r} is {value!r}; use a text, true or false")
    return content


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def file_provider(flags: dict[str, str | bool]) -> InMemoryProvider:
    """Return a provider that holds what stood in the file when it was read."""
    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

    return InMemoryProvider(
        {name: InMemoryFlag(default_variant="set", variants={"set": value}) for name, value in flags.items()}
    )


@lru_cache(maxsize=4)
def _provider(name: str) -> FeatureProvider:
    """Make the provider that the settings name, once per process."""
    module, _, cls = name.partition(":")
    try:
        provider: FeatureProvider = getattr(importlib.import_module(module), cls)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"AIRLOCK_FLAGS_PROVIDER {name!r} cannot be made: {error}; name it as module:class"
        ) from error
    return provider
