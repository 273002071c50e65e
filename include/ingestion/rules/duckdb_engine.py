"""The suite evaluated by DuckDB over the staged file, and returned as results of Great Expectations.

All expectations about single rows are counted in one pass. Great Expectations' own pandas engine holds the
whole table and makes several columns for every expectation: see `bench/performance/ingestion.py` for both.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from include.ingestion.rules.plans import Plan, plan
from include.ingestion.rules.rows import ROW, Rows, Sql, quoted, raise_store_fault

if TYPE_CHECKING:
    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

_SHOWN = 20  # values that a summary of Great Expectations holds


def validate(suite: gx.ExpectationSuite, rows: Rows) -> ExpectationSuiteValidationResult:
    """Evaluate a suite.

    An expectation that crashes (a text compared with a number, a column that is not there) is reported as
    Great Expectations does, and the others are evaluated all the same.
    """
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

    configurations = [expectation.configuration for expectation in suite.expectations]
    plans, crashed = _plans(configurations, rows)
    counts = _counts(plans, rows, crashed)
    results = [
        _crash(configuration, crashed[number])
        if number in crashed
        else _whole_table(configuration, rows)
        if number not in plans
        else _result(configuration, plans[number], counts[number], rows)
        for number, configuration in enumerate(configurations)
    ]
    good = sum(bool(result.success) for result in results)
    return ExpectationSuiteValidationResult(
        success=good == len(results),
        results=results,
        suite_name=suite.name,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": good,
            "unsuccessful_expectations": len(results) - good,
            "success_percent": good / len(results) * 100 if results else None,
        },
        meta={"engine": "duckdb"},
    )


def _plans(configurations: list[Any], rows: Rows) -> tuple[dict[int, Plan], dict[int, str]]:
    import duckdb

    plans: dict[int, Plan] = {}
    crashed: dict[int, str] = {}
    for number, configuration in enumerate(configurations):
        try:
            made = plan(configuration.type, configuration.kwargs, rows)
        except (duckdb.Error, ValueError) as error:
            raise_store_fault(error)
            crashed[number] = _in_one_line(error)
            continue
        if made is not None:
            plans[number] = made
    return plans, crashed


def _counts(plans: dict[int, Plan], rows: Rows, crashed: dict[int, str]) -> dict[int, tuple[int, int, int]]:
    """Return rows, judged rows and broken rows by plan; plans that share a source are counted together."""
    import duckdb

    pools: dict[Sql, list[int]] = {}
    for number, made in plans.items():
        pools.setdefault(made.source, []).append(number)
    found: dict[int, tuple[int, int, int]] = {}
    for numbers in pools.values():
        try:
            found |= _count(numbers, plans, rows)
        except duckdb.Error:
            for number in numbers:
                try:
                    found |= _count([number], plans, rows)
                except duckdb.Error as error:
                    raise_store_fault(error)
                    crashed[number] = _in_one_line(error)
    return found


def _count(numbers: list[int], plans: dict[int, Plan], rows: Rows) -> dict[int, tuple[int, int, int]]:
    conditions = list(
        dict.fromkeys(part for number in numbers for part in (plans[number].judged, plans[number].broken))
    )
    question = Sql("SELECT count(*)")
    for condition in conditions:
        question += Sql(", count(*) FILTER (WHERE ") + condition + ")"
    [(total, *counted)] = rows.ask(question + " FROM " + plans[numbers[0]].source)
    by_condition = dict(zip(conditions, counted, strict=True))
    return {
        number: (total, by_condition[plans[number].judged], by_condition[plans[number].broken])
        for number in numbers
    }


def _result(configuration: Any, made: Plan, counts: tuple[int, int, int], rows: Rows) -> Any:
    total, judged, broken = counts
    values, places = _examples(made, rows) if broken else ([], [])
    result: dict[str, Any] = {
        "element_count": total,
        "unexpected_count": broken,
        "unexpected_percent": _percent(broken, judged),
        "partial_unexpected_list": values,
        "partial_unexpected_counts": _tally(values),
        "partial_unexpected_index_list": places,
    }
    if made.counts_missing:
        result |= {
            "missing_count": total - judged,
            "missing_percent": _percent(total - judged, total),
            "unexpected_percent_total": _percent(broken, total),
            "unexpected_percent_nonmissing": _percent(broken, judged),
        }
    mostly = configuration.kwargs.get("mostly", 1.0)
    return _validation(configuration, judged == 0 or (judged - broken) / judged >= mostly, result)


def _percent(part: int, whole: int) -> float | None:
    return part / whole * 100 if whole else None


def _examples(made: Plan, rows: Rows) -> tuple[list[Any], list[int]]:
    """Return the values of the first rows that break an expectation, and their positions."""
    columns = ", ".join(map(quoted, made.columns))
    question = Sql(f"SELECT {ROW}, {columns} FROM ") + made.source + " WHERE " + made.broken
    found = rows.ask(question + f" ORDER BY {ROW} LIMIT {_SHOWN}")
    places = [int(place) for place, *_ in found]
    if made.shape == "value":
        return [value for _, value in found], places
    if made.shape == "pair":
        return [tuple(values) for _, *values in found], places
    return [dict(zip(made.columns, values, strict=True)) for _, *values in found], places


def _tally(values: list[Any]) -> list[dict[str, Any]]:
    keyed = Counter(tuple(value.values()) if isinstance(value, dict) else value for value in values)
    ordered = sorted(keyed.items(), key=lambda item: (-item[1], str(item[0])))
    return [{"value": value, "count": count} for value, count in ordered]


def _whole_table(configuration: Any, rows: Rows) -> Any:
    import duckdb

    arguments = configuration.kwargs
    low, high = arguments.get("min_value"), arguments.get("max_value")
    asked = Sql("SELECT count(*) FROM rows")
    if configuration.type == "expect_column_max_to_be_between":
        name = arguments["column"]
        asked = Sql(f"SELECT max({quoted(name)}) FROM ") + rows.having([name])
    try:
        [(value,)] = rows.ask(asked)
    except duckdb.Error as error:
        raise_store_fault(error)
        return _crash(configuration, _in_one_line(error))
    fits = value is not None and (low is None or value >= low) and (high is None or value <= high)
    return _validation(configuration, fits, {"observed_value": value})


def _validation(configuration: Any, success: bool, result: dict[str, Any], message: str = "") -> Any:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

    return ExpectationValidationResult(
        success=success,
        expectation_config=configuration,
        result=result,
        exception_info={
            "raised_exception": bool(message),
            # The page of the results wants a text here, whatever it says.
            "exception_traceback": message or None,
            "exception_message": message or None,
        },
    )


def _crash(configuration: Any, message: str) -> Any:
    return _validation(configuration, False, {}, message)


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split("\n\n", maxsplit=1)[0].split())[:300]
