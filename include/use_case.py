"""Declared use cases: `include/use_cases/<name>/use_case.yaml`, read strictly and reported plainly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator

from include.errors import UseCaseError
from include.hashing import digest
from include.lake import AUDIT_COLUMNS, SIDE_TABLE_PREFIX, TABLES
from include.settings import PROJECT_ROOT, Settings
from include.use_case_sections import (
    DEFAULT_KIND,
    NAME_PATTERN,
    Alerts,
    Card,
    Contract,
    Evaluation,
    Features,
    Hash,
    Identifier,
    Labels,
    Monitoring,
    Privacy,
    Problem,
    Promotion,
    Retention,
    Section,
    Source,
    Training,
)
from include.use_case_sections.retention import RAW

FILE_NAME = "use_case.yaml"
_MAX_BYTES = 1_000_000
_MAX_DEPTH = 32
_MAX_SHOWN = 120
_RESERVED_COLUMNS = set(AUDIT_COLUMNS)
_RESERVED_TABLES = {"batch"}


class UseCase(Section):
    """One prediction problem and every rule that its lifecycle obeys."""

    model_config = ConfigDict(ignored_types=(cached_property,))

    name: Identifier
    title: str
    owner: str
    problem: Problem
    source: Source
    labels: Labels
    contract: Contract
    privacy: Privacy = Privacy()
    features: Features = Features()
    training: Training = Training()
    evaluation: Evaluation = Field(default_factory=Evaluation)
    promotion: Promotion = Promotion()
    monitoring: Monitoring = Monitoring()
    retention: Retention = Retention()
    card: Card = Card()
    alerts: Alerts = Field(default_factory=Alerts)

    @model_validator(mode="after")
    def _columns_are_declared(self) -> UseCase:
        named = {
            "problem.key": self.problem.key,
            "source.event_time": [self.source.event_time],
            "labels.column": [self.labels.column],
            "labels.post_outcome_columns": self.labels.post_outcome_columns,
            "training.disjoint_entities": self.training.disjoint_entities,
        }
        for place, columns in named.items():
            if unknown := set(columns) - set(self.contract.columns):
                raise ValueError(f"{place} names {sorted(unknown)}, which contract.columns does not declare")
        return self

    @model_validator(mode="after")
    def _kept_tables_exist(self) -> UseCase:
        known = {*TABLES, RAW, *(f"{SIDE_TABLE_PREFIX}{name}" for name in self.source.side_tables)}
        if unknown := set(self.retention.days) - known:
            raise ValueError(
                f"retention.days names {sorted(unknown)}, which is no table; there are {sorted(known)}"
            )
        return self

    @model_validator(mode="after")
    def _label_fits_the_problem(self) -> UseCase:
        if self.labels.kind == "threshold" and self.problem.kind != "binary":
            raise ValueError(
                f"labels.kind: a threshold makes a yes or no, but problem.kind is {self.problem.kind!r}; "
                "use labels.kind: column"
            )
        for place in ("model", "baseline"):
            kind = getattr(self.training, place).kind
            if kind == "logistic_regression" and self.problem.kind not in {"binary", "multiclass"}:
                raise ValueError(
                    f"training.{place}.kind: logistic_regression tells classes apart, but problem.kind is "
                    f"{self.problem.kind!r}; use kind: linear"
                )
        return self

    @model_validator(mode="after")
    def _personal_data_are_not_needed_in_clear(self) -> UseCase:
        clear = {self.source.event_time: "source.event_time", self.labels.column: "labels.column"}
        joined = {*self.problem.key, *self.contract.unique}
        for name, column in self.contract.columns.items():
            place = f"contract.columns.{name}.pii"
            if column.pii is not None and name in clear:
                raise ValueError(f"{place}: {clear[name]} needs the column in clear; leave `pii` out")
            if column.pii is not None and name in joined and not isinstance(column.pii, Hash):
                raise ValueError(f"{place}: the column names rows, so they must stay apart; use method: hash")
        return self

    @model_validator(mode="after")
    def _rules_fit_the_problem(self) -> UseCase:
        if wrong := self.evaluation.misfit(self.problem.kind, self.problem.directions):
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _tables_can_be_stored(self) -> UseCase:
        if taken := _RESERVED_TABLES & set(self.source.side_tables):
            raise ValueError(
                f"source.side_tables names {sorted(taken)}, which Airlock uses itself; rename it"
            )
        contracts = {"contract": self.contract}
        for name, table in self.source.side_tables.items():
            contracts[f"source.side_tables.{name}.contract"] = table.contract
        for place, contract in contracts.items():
            if taken := _RESERVED_COLUMNS & {column.lower() for column in contract.columns}:
                raise ValueError(
                    f"{place}.columns names {sorted(taken)}, which Airlock adds itself; rename it upstream"
                )
            if twice := _same_but_for_case(contract.columns):
                raise ValueError(
                    f"{place}.columns names {twice}, which Delta tables take for the same column"
                )
        return self

    @property
    def hash(self) -> str:
        """SHA-256 of the whole declaration, defaults included."""
        return digest(self)

    @property
    def contract_hash(self) -> str:
        """SHA-256 of what decides over a batch: the contract and those of the side tables."""
        return digest(
            [self.contract, {name: table.contract for name, table in self.source.side_tables.items()}]
        )

    @property
    def contracts(self) -> dict[str, Any]:
        """What decides over a batch, in full."""
        side_tables = {name: table.contract for name, table in self.source.side_tables.items()}
        return {"contract": self.contract, "side_tables": side_tables}

    @property
    def forbidden_features(self) -> set[str]:
        """Columns that no feature may read: the label and what is known only after the outcome."""
        return {self.labels.column, *self.labels.post_outcome_columns}


def _same_but_for_case(names: Iterable[str]) -> list[str]:
    spellings: dict[str, list[str]] = {}
    for name in names:
        spellings.setdefault(name.lower(), []).append(name)
    return [name for same in spellings.values() if len(same) > 1 for name in same]


class _StrictLoader(yaml.CSafeLoader):
    """Refuses repeated keys, of which YAML would silently keep the last, and names the line of a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _mistake("a name must be plain text", key.start_mark)
            if key.value in seen:
                raise _mistake(f"{key.value!r} stands here twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # PyYAML lets the errors of int(), date() and the like through, without their place.
            kind = node.tag.rpartition(":")[2]
            raise _mistake(f"{_shown(node.value)} is not a {kind}", node.start_mark) from error


def _mistake(what: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, what, mark)


def load_use_case(name: str, settings: Settings) -> UseCase:
    """Read one use case by name, under the organisation's policies.

    Raises:
        UseCaseError: there is no such use case, its file or a policy's is wrong, or it loosens a policy; the
            message names file, field and remedy.
    """
    path = settings.use_cases_dir / name / FILE_NAME
    # The name becomes part of a path. Listing all the others is only worth its while for the message.
    if not re.fullmatch(NAME_PATTERN, name) or not path.is_file():
        known = ", ".join(use_case_names(settings)) or "none"
        raise UseCaseError(
            f"There is no use case {name!r} in {settings.use_cases_dir}; declared are: {known}"
        )
    from include.policy import load_policies, under  # it builds on this module

    shown = path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path
    return under(read_use_case(path), load_policies(settings), shown).use_case


def use_case_names(settings: Settings) -> list[str]:
    """Return the names of all declared use cases, broken ones included."""
    return sorted(path.parent.name for path in settings.use_cases_dir.glob(f"*/{FILE_NAME}"))


def read_use_case(path: Path) -> UseCase:
    """Read and check one file.

    Raises:
        UseCaseError: the file is wrong; each line of the message is one mistake with its place and remedy.
    """
    shown = path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path
    content = read_yaml(path, shown)
    if not isinstance(content, dict):
        raise UseCaseError(f"{shown}: holds no mapping of sections; start with `name: {path.parent.name}`")
    try:
        use_case = UseCase.model_validate(content)
    except ValidationError as error:
        raise UseCaseError("\n".join(f"{shown}: {line}" for line in explained(error, content))) from None
    if use_case.name != path.parent.name:
        raise UseCaseError(
            f"{shown}: name: {use_case.name!r} differs from its folder; call it {path.parent.name!r}"
        )
    return use_case


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping, as strictly as a declaration.

    Raises:
        UseCaseError: it cannot be read, or holds something else.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise UseCaseError(f"{path}: holds no mapping of sections")
    return content


def read_yaml(path: Path, shown: Path | None = None) -> Any:
    """Read a YAML file without what makes a small file large: no aliases, no depth, no repeated names.

    Raises:
        UseCaseError: it cannot be read, is too large, or is no such YAML; the message names the line.
    """
    shown = shown or path
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UseCaseError(f"{shown}: cannot be read: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise UseCaseError(
            f"{shown}: larger than {_MAX_BYTES} bytes, which no declaration needs; split the data out"
        )
    try:
        return _parse(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UseCaseError(f"{shown}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UseCaseError(f"{shown}: not readable as YAML: {line}{error.problem}") from error
    except yaml.YAMLError as error:
        raise UseCaseError(f"{shown}: not readable as YAML: {' '.join(str(error).split())}") from error


def _parse(text: str) -> Any:
    # Aliases let a small file grow without bound, and deep nesting overflows the C parser's stack, which ends
    # the process: look at the events before loading.
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _mistake("aliases are not allowed", event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise _mistake(f"nested deeper than {_MAX_DEPTH} levels", event.start_mark)
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 -- derived from the safe loader


def explained(error: ValidationError, content: dict[str, Any]) -> Iterable[str]:
    """Yield one line for each mistake: its place as written in the file, the value and the remedy."""
    for problem in error.errors(include_url=False):
        where = _place(problem["loc"], content) or "whole file"
        value, message, context = _shown(problem["input"]), problem["msg"], problem.get("ctx", {})
        match problem["type"]:
            case "literal_error":
                yield f"{where}: {value} is not possible; choose one of {context['expected']}"
            case "union_tag_invalid":
                tag = _shown(context["tag"])
                yield f"{where}.kind: {tag} is not possible; choose one of {context['expected_tags']}"
            case "union_tag_not_found":
                yield f"{where}.kind: is missing; it says which of the alternatives this is"
            case "missing":
                yield f"{where}: is missing; add it"
            case "extra_forbidden":
                yield f"{where}: is not a known setting; remove it or correct its spelling"
            case "value_error":
                yield f"{where}: {message.removeprefix('Value error, ')}"
            case _:
                yield f"{where}: {value}: {message}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _place(location: tuple[int | str, ...], content: Any) -> str:
    """Spell a location as written in the file: tags of unions, which pydantic inserts, are left out."""
    place, in_union = "", False
    for part in location:
        if isinstance(content, dict) and content.get("kind", DEFAULT_KIND) == part and not in_union:
            in_union = True
            continue
        if isinstance(content, list) and isinstance(part, int):
            place += f"[{part}]"
            content = content[part] if part < len(content) else None
        else:
            place += f".{part}" if place else str(part)
            content = content.get(part) if isinstance(content, dict) else None
        in_union = False
    return place
