"""The section `contract`: what a batch must satisfy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from include.decisions import Mode
from include.use_case_sections.base import Alpha, Section, Severity, Share, TableSeverity
from include.use_case_sections.contract_rules import (
    Comparison,
    DoorDrift,
    Freshness,
    Reference,
    Replayed,
    RowRule,
    RulePolicy,
    Trailing,
    TrailingRange,
)
from include.use_case_sections.patterns import Pattern
from include.use_case_sections.privacy import Drop, Generalise, Hash, Mask, Pii

# What a column may say of its values, of which masking and hashing leave none.
_VALUE_RULES = ("min", "max", "trailing_range", "pattern", "categories", "learn_categories")
TABLE_RULES = frozenset({"freshness", "row_count", "volume", "quarantined", "drift"})


class Column(Section):
    """What one column of a batch must satisfy."""

    type: Literal["integer", "number", "string", "boolean", "timestamp"]
    max_null_share: Share = 0.0
    max_null_increase: Share | None = Field(
        None, description="points above the median null share of the last four same weekdays"
    )
    min: float | None = None
    max: float | None = None
    trailing_range: TrailingRange | None = Field(None, description="a range learned from the trailing days")
    pattern: Pattern | None = Field(None, description="regular expression that the whole text must match")
    max_broken_share: Share = Field(0.0, description="share of values that may break min, max or pattern")
    categories: list[str] | None = None
    learn_categories: bool = Field(False, description="allow the categories of the trailing days (as well)")
    max_unseen_share: Share = Field(0.0, description="share of values that may be in no known category")
    severity: Severity = "refuse"
    pii: Pii | None = Field(None, description="personal data, and what is done to it before it is written")

    @model_validator(mode="after")
    def _rules_speak_of_what_is_kept(self) -> Column:
        if self.pii is None:
            return self
        if isinstance(self.pii, Generalise):
            fitting = {"timestamp": self.pii.to, "string": self.pii.keep}.get(self.type, self.pii.step)
            if fitting is None or self.type == "boolean":
                raise ValueError(
                    f"a {self.type} is generalised otherwise: a timestamp `to`, a number by `step`, "
                    "a text by `keep`"
                )
        elif named := [
            name for name in _VALUE_RULES if (rule := getattr(self, name)) is not None and rule is not False
        ]:
            raise ValueError(
                f"rules see what is kept, and of a column with method {self.pii.method} no value is; "
                f"remove {', '.join(named)}"
            )
        return self

    @model_validator(mode="after")
    def _ordered(self) -> Column:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}; swap them")
        return self

    @model_validator(mode="after")
    def _rules_fit_the_type(self) -> Column:
        if self.pattern is not None and self.type != "string":
            raise ValueError(f"a pattern is for text and the type is {self.type}; use min and max")
        if self.learn_categories and self.type != "string":
            raise ValueError(f"categories are learned of text and the type is {self.type}; remove it")
        if self.trailing_range is not None and self.type not in {"integer", "number"}:
            raise ValueError(f"a trailing range is for numbers and the type is {self.type}; remove it")
        return self

    def rule_names(self) -> list[str]:
        """Return the rules of the column, in the order in which they are evaluated."""
        return [
            name
            for name, there in {
                "null_share": True,
                "null_baseline": self.max_null_increase is not None,
                "range": self.min is not None or self.max is not None,
                "trailing_range": self.trailing_range is not None,
                "pattern": self.pattern is not None,
                "categories": self.categories is not None or self.learn_categories,
            }.items()
            if there
        ]


class Volume(Section):
    """How many rows a batch may have, and how many values some of its columns.

    The absolute limits always hold. With four same weekdays of history, a count may not differ from their
    median by more than `max_ratio` in either direction. With enough history, the deviation is also ranked
    among those of the past batches, as a conformal p-value.
    """

    min_rows: int = Field(1, ge=1)
    max_rows: int = Field(100_000_000, ge=1)
    values_of: list[str] = Field(default_factory=list, description="columns whose values are counted as well")
    max_ratio: float = Field(2.0, gt=1)
    same_weekdays: int = Field(4, ge=2)
    history: int = Field(100, ge=20)
    min_history: int = Field(20, ge=10, description="earlier deviations needed before a rank means anything")
    alpha: Alpha = 0.01
    severity: TableSeverity = "refuse"


class Contract(Section):
    """What a batch must satisfy before anything is published."""

    columns: dict[str, Column] = Field(min_length=1)
    extra_columns: Literal["refuse", "warn", "drop"] = "refuse"
    unique: list[str] = Field(default_factory=list, description="columns whose combination may appear once")
    max_duplicate_share: Share = Field(0.0, description="share of rows whose combination may appear again")
    replayed: Replayed | None = None
    rows: list[RowRule] = Field(default_factory=list, description="rules about several columns of a row")
    references: list[Reference] = Field(default_factory=list)
    freshness: Freshness | None = None
    volume: Volume = Volume()
    max_off_date_share: Share = Field(0.0, description="share of rows that may speak of another date")
    max_quarantined_share: Share = Field(0.05, description="share of rows that may be set aside")
    trailing: Trailing = Trailing()
    drift: DoorDrift = DoorDrift()
    rules: dict[str, RulePolicy] = Field(default_factory=dict, description="by the rule's name in decisions")
    alpha: Alpha = Field(0.01, description="false-refusal rate of all share rules of a batch together")
    mode: Mode = "fail_closed"
    engine: Literal["duckdb", "great_expectations"] = Field(
        "duckdb", description="what evaluates the suite; both give the same figures"
    )

    @property
    def kept(self) -> Contract:
        """The contract of what is written: without dropped columns, and with text where masking leaves text.

        Rules are applied to these rows. Presence and type are checked before, in clear.
        """
        columns: dict[str, Column] = {}
        for name, column in self.columns.items():
            if isinstance(column.pii, Drop):
                continue
            text = isinstance(column.pii, Mask | Hash)
            columns[name] = column.model_copy(update={"type": "string"}) if text else column
        return self.model_copy(update={"columns": columns})

    @model_validator(mode="after")
    def _named_columns_exist(self) -> Contract:
        named = {
            "unique": self.unique,
            "volume.values_of": self.volume.values_of,
            "drift.columns": self.drift.columns or [],
        }
        named |= {f"rows[{number}]": rule.columns for number, rule in enumerate(self.rows)}
        named |= {f"references[{number}]": rule.columns for number, rule in enumerate(self.references)}
        dropped = {name for name, column in self.columns.items() if isinstance(column.pii, Drop)}
        for place, columns in named.items():
            if unknown := set(columns) - set(self.columns):
                raise ValueError(f"{place} names {sorted(unknown)}, which columns does not declare")
            if gone := set(columns) & dropped:
                raise ValueError(f"{place} names {sorted(gone)}, which `pii` drops before rules see it")
        return self

    @model_validator(mode="after")
    def _compared_columns_are_comparable(self) -> Contract:
        for number, rule in enumerate(self.rows):
            if isinstance(rule, Comparison):
                kinds = {_kind(self.columns[name].type) for name in rule.columns}
                if len(kinds) > 1:
                    raise ValueError(f"rows[{number}] compares {' with '.join(sorted(kinds))}; mend it")
        if self.replayed is not None and not self.unique:
            raise ValueError("replayed looks for the columns of unique, which is empty; name the key there")
        return self

    @model_validator(mode="after")
    def _named_rules_exist(self) -> Contract:
        for name, policy in self.rules.items():
            if name not in self.rule_names():
                known = ", ".join(self.rule_names())
                raise ValueError(f"rules names {name!r}, which is no rule of this contract; it has {known}")
            if policy.severity == "quarantine" and name in TABLE_RULES:
                raise ValueError(f"rules: {name} is about the whole batch; choose refuse or warn")
        return self

    def rule_names(self) -> list[str]:
        """Return the names of all rules, as decisions give them."""
        names = [f"{name}.{rule}" for name, column in self.columns.items() for rule in column.rule_names()]
        names += [rule.name for rule in self.rows] + [rule.name for rule in self.references]
        optional = {"unique": self.unique, "replayed": self.replayed, "freshness": self.freshness}
        names += [name for name, rule in optional.items() if rule]
        return [*names, "event_date", "row_count", "volume", "quarantined", "drift"]

    def severity_of(self, rule: str, default: Severity) -> Severity:
        """Return what a rule does when it is broken."""
        policy = self.rules.get(rule)
        return default if policy is None or policy.severity is None else policy.severity

    def mode_of(self, rule: str) -> Mode:
        """Return whether a refusal by one rule is let through, whatever the contract as a whole says."""
        policy = self.rules.get(rule)
        return "fail_closed" if policy is None or policy.mode is None else policy.mode


def _kind(type_: str) -> str:
    return "number" if type_ in {"integer", "number"} else type_
