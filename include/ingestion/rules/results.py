"""Results of Great Expectations as evidence of Airlock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.ingestion.evidence import RuleResult

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

_EXAMPLES = 5
_OF_NULLS = "expect_column_values_to_not_be_null"
_OF_NOTHING = "expect_column_values_to_be_null"


def rule_results(table: str, report: ExpectationSuiteValidationResult, rows: int) -> list[RuleResult]:
    """Return one result per expectation.

    An expectation that itself crashed counts as broken by every row: no evidence opens no door.
    """
    return [_result(table, item, rows) for item in report.results]


def _result(table: str, item: Any, rows: int) -> RuleResult:
    meta, found, kind = item.expectation_config.meta, item.result or {}, item.expectation_config.type
    crashed = _exception(item)
    checked = int(found.get("element_count", rows))
    if kind not in {_OF_NULLS, _OF_NOTHING}:
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
        expectation=kind,
        checked=max(checked, violations),
        violations=violations,
        limit=meta["limit"],
        share=meta["share"],
        severity=meta["severity"],
        mode=meta["mode"],
        detail=crashed or ("" if item.success else _observed(item)),
        examples=[] if kind == _OF_NULLS else _examples(found),
    )


def _examples(found: dict[str, Any]) -> list[str]:
    return [str(_plain(value))[:100] for value in found.get("partial_unexpected_list") or []][:_EXAMPLES]


def _plain(value: Any) -> Any:
    """Return a value, or several of one row, without the types of numpy in which pandas has them."""
    if isinstance(value, tuple):
        return tuple(_plain(part) for part in value)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value.item() if hasattr(value, "item") else value


def _observed(item: Any) -> str:
    """Say what a rule about the whole table found, and its limits."""
    found, limits = (item.result or {}).get("observed_value"), item.expectation_config.kwargs
    if found is None:
        return ""
    if limits.get("max_value") is None:
        return f"found {found:.4g}, allowed from {limits['min_value']:.4g}"
    return f"found {found}, allowed {limits['min_value']} to {limits['max_value']}"


def _exception(item: Any) -> str:
    """Return the message of an expectation that crashed; Great Expectations nests it for some metrics."""
    information = item.exception_info or {}
    nested = [information, *(value for value in information.values() if isinstance(value, dict))]
    return next((str(part["exception_message"]) for part in nested if part.get("raised_exception")), "")
