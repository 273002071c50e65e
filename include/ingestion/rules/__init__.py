"""The rules of a contract, applied to a staged table."""

from __future__ import annotations

from include.ingestion.evidence import BATCH, RuleResult
from include.ingestion.reading import EVENT_DATE
from include.ingestion.rules import duckdb_engine, gx_engine
from include.ingestion.rules.broken import broken_rows
from include.ingestion.rules.context import Report, RuleContext, profiles_before
from include.ingestion.rules.derived import UNREADABLE, derive
from include.ingestion.rules.results import rule_results
from include.ingestion.rules.rows import Rows, Sql, open_rows, quoted
from include.ingestion.rules.trailing import Learned
from include.ingestion.staged import BrokenRows, StagedTable
from include.ingestion.suite import compile_suite
from include.use_case_sections import Contract

__all__ = ["RuleContext", "evaluate", "profiles_before", "quarantined_share"]


def evaluate(
    staged: StagedTable, contract: Contract, context: RuleContext
) -> tuple[list[RuleResult], BrokenRows]:
    """Return one result per rule of the contract, and the rows that its rules set aside."""
    partition = context.partition if staged.table == BATCH else None
    profiles = context.profiles if staged.table == BATCH else None
    learned = Learned(profiles, context.partition, contract.trailing)
    compiled = compile_suite(staged.table, contract, partition, learned)
    engine = duckdb_engine if contract.engine == "duckdb" else gx_engine
    with open_rows(staged, context.folder) as rows:
        derive(rows, staged.table, contract, context)
        report = engine.validate(compiled.suite, rows)
        context.reports.append(Report(staged.table, compiled.suite, report))
        results = _with_other_day(rule_results(staged.table, report, staged.rows), rows)
        path = context.folder / f"{staged.table}-broken.parquet"
        broken = broken_rows(compiled.suite, results, rows, path)
    return results + compiled.unjudged, broken


def _with_other_day(results: list[RuleResult], rows: Rows) -> list[RuleResult]:
    """Name the day that most rows speak of, where it is not the partition's."""
    dated = next((result for result in results if result.rule == "event_date"), None)
    if dated is None or dated.detail or dated.violations <= dated.checked / 2:
        return results
    if not (day := _commonest_day(rows)):
        return results
    named = dated.model_copy(update={"detail": f"this looks like the file of {day}"})
    return [named if result is dated else result for result in results]


def _commonest_day(rows: Rows) -> str:
    date = quoted(EVENT_DATE)
    counted = Sql(f"SELECT {date}, count(*) AS n FROM ") + rows.having([EVENT_DATE])
    known = Sql(f" WHERE {date} <> ? GROUP BY {date} ORDER BY n DESC, {date} LIMIT 1", (UNREADABLE,))
    found = rows.ask(counted + known)
    return str(found[0][0]) if found else ""


def quarantined_share(staged: StagedTable, broken: BrokenRows, contract: Contract) -> list[RuleResult]:
    """Return the rule on how many rows the others may set aside; none where they set none aside."""
    if broken.rows == 0:
        return []
    return [
        RuleResult(
            table=staged.table,
            rule="quarantined",
            expectation="",
            checked=staged.rows,
            violations=broken.rows,
            limit=contract.max_quarantined_share,
            severity=contract.severity_of("quarantined", "refuse"),
            mode=contract.mode_of("quarantined"),
        )
    ]
