"""Declared use cases: `include/use_cases/<name>/use_case.yaml`, read strictly and reported plainly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, model_validator

from include.declarations import explained, read_yaml
from include.errors import UseCaseError
from include.hashing import digest
from include.lake import AUDIT_COLUMNS, SIDE_TABLE_PREFIX, TABLES
from include.settings import PROJECT_ROOT, Settings
from include.use_case_sections import (
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
