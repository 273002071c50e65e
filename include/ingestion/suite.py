"""The contract as a Great Expectations suite, and the suite's results as evidence."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from include.ingestion.evidence import RuleResult
from include.ingestion.reading import EVENT_DATE
from include.use_case_sections import Column, Contract

if TYPE_CHECKING:
    import great_expectations as gx
    import pandas as pd

_EXAMPLES = 5


def compile_suite(table: str, contract: Contract, partition: str | None) -> gx.ExpectationSuite:
    """Return the value rules of a contract as expectations.

    Each carries in `meta` the rule's name, its limit and its severity. `mostly` holds the contract's plain
    limit, so the suite can be opened and run by anyone; the gate judges the counts with their uncertainty.

    Args:
        table: name of the table.
        contract: its rules.
        partition: the date that every event must fall on; None when the table has no such rule.
    """
    import great_expectations as gx
    from great_expectations.expectations.core.expect_column_values_to_be_in_set import (
        ExpectColumnValuesToBeInSet,
    )
    from great_expectations.expectations.core.expect_table_row_count_to_be_between import (
        ExpectTableRowCountToBeBetween,
    )

    expectations = [
        expectation
        for name, column in contract.columns.items()
        for expectation in _column_expectations(name, column)
    ]
    if contract.unique:
        expectations.append(_uniqueness(contract.unique))
    if partition is not None:
        expectations.append(
            ExpectColumnValuesToBeInSet(
                column=EVENT_DATE,
                value_set=[partition],
                mostly=1 - contract.max_off_date_share,
                meta=_meta("event_date", limit=contract.max_off_date_share),
            )
        )
    volume = contract.volume
    expectations.append(
        ExpectTableRowCountToBeBetween(
            min_value=volume.min_rows,
            max_value=volume.max_rows,
            meta=_meta("row_count", share=False, severity=volume.severity),
        )
    )
    return gx.ExpectationSuite(name=table, expectations=expectations)


def _uniqueness(columns: list[str]) -> Any:
    from great_expectations.expectations.core.expect_column_values_to_be_unique import (
        ExpectColumnValuesToBeUnique,
    )
    from great_expectations.expectations.core.expect_compound_columns_to_be_unique import (
        ExpectCompoundColumnsToBeUnique,
    )

    meta = _meta("unique", share=False)
    if len(columns) == 1:
        return ExpectColumnValuesToBeUnique(column=columns[0], meta=meta)
    return ExpectCompoundColumnsToBeUnique(column_list=columns, meta=meta)


def _column_expectations(name: str, column: Column) -> list[Any]:
    from great_expectations.expectations.core.expect_column_values_to_be_between import (
        ExpectColumnValuesToBeBetween,
    )
    from great_expectations.expectations.core.expect_column_values_to_be_in_set import (
        ExpectColumnValuesToBeInSet,
    )
    from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
        ExpectColumnValuesToNotBeNull,
    )

    expectations: list[Any] = [
        ExpectColumnValuesToNotBeNull(
            column=name,
            mostly=1 - column.max_null_share,
            meta=_meta(f"{name}.null_share", limit=column.max_null_share, severity=column.severity),
        )
    ]
    if column.min is not None or column.max is not None:
        expectations.append(
            ExpectColumnValuesToBeBetween(
                column=name,
                min_value=column.min,
                max_value=column.max,
                meta=_meta(f"{name}.range", severity=column.severity),
            )
        )
    if column.categories is not None:
        expectations.append(
            ExpectColumnValuesToBeInSet(
                column=name,
                value_set=column.categories,
                meta=_meta(f"{name}.categories", severity=column.severity),
            )
        )
    return expectations


def _meta(rule: str, *, limit: float = 0.0, share: bool = True, severity: str = "refuse") -> dict[str, Any]:
    return {"rule": rule, "limit": limit, "share": share, "severity": severity}


def run_suite(table: str, suite: gx.ExpectationSuite, rows: pd.DataFrame) -> list[RuleResult]:
    """Run a suite on rows and return one result per expectation.

    An expectation that itself crashed counts as broken by every row: no evidence opens no door.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    definition = (
        context.data_sources.add_pandas("landed")
        .add_dataframe_asset(table)
        .add_batch_definition_whole_dataframe("all")
    )
    batch = definition.get_batch(batch_parameters={"dataframe": rows})
    report = batch.validate(suite, result_format="SUMMARY")
    return [_result(table, item, len(rows)) for item in report.results]


def _result(table: str, item: Any, rows: int) -> RuleResult:
    meta, found = item.expectation_config.meta, item.result or {}
    crashed = _exception(item)
    checked = int(found.get("element_count", rows))
    of_nulls = item.expectation_config.type == "expect_column_values_to_not_be_null"
    if not of_nulls:
        checked -= int(found.get("missing_count") or 0)
    if crashed:
        violations = max(checked, 1)
    elif meta["share"]:
        violations = int(found.get("unexpected_count", 0))
    else:
        violations = 0 if item.success else int(found.get("unexpected_count") or 1)
    return RuleResult(
        table=table,
        rule=meta["rule"],
        expectation=item.expectation_config.type,
        checked=max(checked, violations),
        violations=violations,
        limit=meta["limit"],
        share=meta["share"],
        severity=meta["severity"],
        detail=crashed or ("" if item.success else _observed(item)),
        examples=[]
        if of_nulls
        else [str(value)[:100] for value in found.get("partial_unexpected_list") or []][:_EXAMPLES],
    )


def _observed(item: Any) -> str:
    """Say what a rule about the whole table found, and its limits."""
    found, limits = (item.result or {}).get("observed_value"), item.expectation_config.kwargs
    return "" if found is None else f"found {found}, allowed {limits['min_value']} to {limits['max_value']}"


def _exception(item: Any) -> str:
    """Return the message of an expectation that crashed; Great Expectations nests it for some metrics."""
    information = item.exception_info or {}
    nested = [information, *(value for value in information.values() if isinstance(value, dict))]
    return next((str(part["exception_message"]) for part in nested if part.get("raised_exception")), "")
