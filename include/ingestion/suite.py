"""The contract as a Great Expectations suite, which anyone can open and run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.ingestion.evidence import RuleResult
from include.ingestion.reading import EVENT_DATE
from include.ingestion.rules.derived import (
    EVENT_HOUR,
    REPLAYED_FROM,
    native,
    reference_column,
    row_rule_column,
)
from include.ingestion.rules.trailing import SAME_WEEKDAYS, Learned
from include.use_case_sections import Column, Contract, RowRule, Severity

if TYPE_CHECKING:
    import great_expectations as gx

_HOURS = 24


@dataclass(frozen=True)
class Compiled:
    """A contract for one batch.

    Attributes:
        suite: the rules that can be judged.
        unjudged: those that cannot yet, with the reason.
    """

    suite: gx.ExpectationSuite
    unjudged: list[RuleResult]


def compile_suite(
    table: str, contract: Contract, partition: str | None, learned: Learned | None = None
) -> Compiled:
    """Return the rules of a contract as expectations.

    Each carries in `meta` the rule's name, its limit, its severity and its mode. `mostly` holds the
    contract's plain limit, so the suite can be opened and run by anyone; the gate judges the counts with
    their uncertainty.

    Args:
        table: name of the table.
        contract: its rules.
        partition: the date that every event must fall on; None when the table has no such rule.
        learned: baselines of the batch; without them, learned rules are not judged.
    """
    import great_expectations as gx

    made = _Suite(table, contract, learned or Learned(None, partition or "", contract.trailing))
    for name, column in contract.columns.items():
        made.add_column(name, column)
    made.add_keys(dated=partition is not None)
    for rule in contract.rows:
        made.add_row_rule(rule)
    for reference in contract.references:
        made.expect_null(
            reference.name, reference_column(reference), reference.max_missing_share, reference.severity
        )
    if partition is not None:
        made.add_dates(partition)
    made.add_row_count()
    return Compiled(gx.ExpectationSuite(name=table, expectations=made.expectations), made.unjudged)


class _Suite:
    """Collects expectations."""

    def __init__(self, table: str, contract: Contract, learned: Learned) -> None:
        import great_expectations.expectations as gxe

        self._table, self._contract, self._learned, self._gxe = table, contract, learned, gxe
        self.expectations: list[Any] = []
        self.unjudged: list[RuleResult] = []

    def _expect(
        self,
        kind: str,
        rule: str,
        *,
        limit: float = 0.0,
        share: bool = True,
        severity: Severity = "refuse",
        **arguments: Any,
    ) -> None:
        if share:
            arguments["mostly"] = 1 - limit
        self.expectations.append(
            getattr(self._gxe, kind)(
                **arguments,
                meta={
                    "rule": rule,
                    "limit": limit,
                    "share": share,
                    "severity": self._contract.severity_of(rule, severity),
                    "mode": self._contract.mode_of(rule),
                },
            )
        )

    def _not_yet(self, rule: str, column: str, needed: int, of: str) -> None:
        known = self._learned.known_days(column)
        self.unjudged.append(
            RuleResult(
                table=self._table,
                rule=rule,
                expectation="",
                checked=0,
                violations=0,
                detail=f"not judged yet: {known} earlier days are known and {needed} {of} are needed",
            )
        )

    def expect_null(self, rule: str, column: str, limit: float, severity: Severity) -> None:
        """Expect a column that names what is broken to hold nothing."""
        self._expect("ExpectColumnValuesToBeNull", rule, column=column, limit=limit, severity=severity)

    def add_column(self, name: str, column: Column) -> None:
        """Add the rules of one column."""
        severity, broken = column.severity, column.max_broken_share
        null = "ExpectColumnValuesToNotBeNull"
        self._expect(null, f"{name}.null_share", column=name, limit=column.max_null_share, severity=severity)
        if column.max_null_increase is not None:
            self._add_null_baseline(name, column, column.max_null_increase)
        if column.min is not None or column.max is not None:
            bounds = {"min_value": column.min, "max_value": column.max}
            self._expect_between(f"{name}.range", name, limit=broken, severity=severity, **bounds)
        if column.trailing_range is not None:
            self._add_trailing_range(name, column)
        if column.pattern is not None:
            self._expect(
                "ExpectColumnValuesToMatchRegex",
                f"{name}.pattern",
                column=name,
                regex=rf"\A(?a:{column.pattern})\Z",
                limit=broken,
                severity=severity,
            )
        if column.categories is not None or column.learn_categories:
            self._add_categories(name, column)

    def _expect_between(self, rule: str, column: str, **arguments: Any) -> None:
        self._expect("ExpectColumnValuesToBeBetween", rule, column=column, **arguments)

    def _add_null_baseline(self, name: str, column: Column, increase: float) -> None:
        rule, usual = f"{name}.null_baseline", self._learned.null_share(name)
        if usual is None:
            self._not_yet(rule, name, SAME_WEEKDAYS, "same weekdays")
            return
        limit = round(min(usual + increase, 1.0), 6)
        kind = "ExpectColumnValuesToNotBeNull"
        self._expect(kind, rule, column=name, limit=limit, severity=column.severity)

    def _add_trailing_range(self, name: str, column: Column) -> None:
        rule, policy = f"{name}.trailing_range", column.trailing_range
        bounds = None if policy is None else self._learned.value_range(name, policy)
        if policy is None or bounds is None:
            self._not_yet(rule, name, self._contract.trailing.min_days, "days")
            return
        low, high = bounds
        self._expect_between(
            rule, name, min_value=low, max_value=high, limit=policy.max_share, severity=column.severity
        )

    def _add_categories(self, name: str, column: Column) -> None:
        rule, known, limit = f"{name}.categories", list(column.categories or ()), column.max_unseen_share
        if column.learn_categories:
            found = self._learned.categories(name)
            if found is None and not known:
                self._not_yet(rule, name, self._contract.trailing.min_days, "days")
                return
            names, uncounted = found or ([], 0.0)
            known = list(dict.fromkeys([*known, *names]))
            # Of categories that the profiles did not keep, it is not known which they were.
            limit = round(min(limit + uncounted, 1.0), 6)
        kind = "ExpectColumnValuesToBeInSet"
        self._expect(kind, rule, column=name, value_set=known, limit=limit, severity=column.severity)

    def add_keys(self, *, dated: bool) -> None:
        """Add the rules about keys that appear again, in the batch and in earlier ones."""
        contract = self._contract
        limit = contract.max_duplicate_share
        if len(contract.unique) == 1:
            kind, only = "ExpectColumnValuesToBeUnique", contract.unique[0]
            self._expect(kind, "unique", limit=limit, share=limit > 0, column=only)
        elif contract.unique:
            kind = "ExpectCompoundColumnsToBeUnique"
            self._expect(kind, "unique", limit=limit, share=limit > 0, column_list=contract.unique)
        if contract.replayed is not None and dated:
            self.expect_null(
                "replayed", REPLAYED_FROM, contract.replayed.max_share, contract.replayed.severity
            )

    def add_row_rule(self, rule: RowRule) -> None:
        """Add a rule about several columns of a row."""
        if rule.kind != "compare" or not native(rule):
            self.expect_null(rule.name, row_rule_column(rule), rule.max_share, rule.severity)
            return
        # Great Expectations knows "greater" alone; "less" exchanges the columns.
        larger, smaller = (rule.left, rule.right) if rule.op[0] in ">=" else (rule.right, rule.left)
        kind, extra = "ExpectColumnPairValuesToBeEqual", {}
        if rule.op != "==":
            kind, extra = "ExpectColumnPairValuesAToBeGreaterThanB", {"or_equal": rule.op in {"<=", ">="}}
        self._expect(
            kind,
            rule.name,
            column_A=larger,
            column_B=smaller,
            ignore_row_if="either_value_is_missing",
            limit=rule.max_share,
            severity=rule.severity,
            **extra,
        )

    def add_dates(self, partition: str) -> None:
        """Add the rules about the time of the events."""
        limit, fresh = self._contract.max_off_date_share, self._contract.freshness
        kind = "ExpectColumnValuesToBeInSet"
        self._expect(kind, "event_date", column=EVENT_DATE, value_set=[partition], limit=limit)
        if fresh is not None:
            self._expect(
                "ExpectColumnMaxToBeBetween",
                "freshness",
                column=EVENT_HOUR,
                min_value=_HOURS - fresh.max_silent_hours,
                share=False,
                severity=fresh.severity,
            )

    def add_row_count(self) -> None:
        """Add the absolute limits on the number of rows."""
        volume = self._contract.volume
        self._expect(
            "ExpectTableRowCountToBeBetween",
            "row_count",
            min_value=volume.min_rows,
            max_value=volume.max_rows,
            share=False,
            severity=volume.severity,
        )
