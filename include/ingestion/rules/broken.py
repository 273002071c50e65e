"""Which rows the rules of severity `quarantine` set aside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from include.ingestion.evidence import RuleResult
from include.ingestion.rules.plans import Plan, plan
from include.ingestion.rules.rows import ROW, Rows, Sql, quoted
from include.ingestion.staged import BrokenRows

if TYPE_CHECKING:
    import great_expectations as gx


def broken_rows(suite: gx.ExpectationSuite, results: list[RuleResult], rows: Rows, path: Path) -> BrokenRows:
    """Write the rows that break a rule of severity `quarantine` whose share is above its limit.

    With a limit of 0, which most rules have, that is every row that breaks it. Rules that crashed name no
    row; the gate refuses for them.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema({"row": pa.int64(), "rule": pa.string(), "value": pa.string()})
    aside = {result.rule for result in results if sets_aside(result)}
    with pq.ParquetWriter(path, schema, compression="lz4") as out:
        for expectation in suite.expectations:
            configuration = expectation.configuration
            rule = configuration.meta["rule"]
            made = plan(configuration.type, configuration.kwargs, rows) if rule in aside else None
            if made is None:
                continue
            for batch in rows.read(_question(rule, made)):
                out.write_batch(batch.cast(schema))
    counted = (
        rows.ask(Sql("SELECT count(DISTINCT row) FROM read_parquet(?)", (str(path),))) if aside else [(0,)]
    )
    return BrokenRows(path, int(counted[0][0]))


def sets_aside(result: RuleResult) -> bool:
    """Tell whether the rows that break a rule are set aside."""
    share = result.violations / result.checked if result.checked else 0.0
    return result.severity == "quarantine" and not result.detail and share > result.limit


def _question(rule: str, made: Plan) -> Sql:
    texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in made.columns)
    value = texts if len(made.columns) == 1 else f"concat_ws(', ', {texts})"
    head = Sql(f"SELECT {ROW} AS row, ? AS rule, {value} AS value FROM ", (rule,))
    return head + made.source + " WHERE " + made.broken + f" ORDER BY {ROW}"
