"""Columns that rules make of others: the local date, the hour, a key's earlier day, a value that is nowhere.

Great Expectations has no expectation for these questions, but plain ones for their answers: that a column
holds one date, or nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from include import partitions
from include.ingestion.evidence import BATCH
from include.ingestion.reading import EVENT_DATE, local_dates
from include.ingestion.rules.context import RuleContext
from include.ingestion.rules.rows import Rows, Sql, quoted
from include.use_case_sections import Comparison, Contract, ImpliesNull, Reference, RowRule

EVENT_HOUR = "(hours into the day)"
REPLAYED_FROM = "(key stands in)"
UNREADABLE = "unreadable"


def row_rule_column(rule: RowRule) -> str:
    """Return the name of the column that holds what breaks a rule about several columns."""
    return f"(not {rule.name})"


def reference_column(rule: Reference) -> str:
    """Return the name of the column that holds what a second table lacks."""
    return f"(not {rule.name})"


def native(rule: RowRule) -> bool:
    """Tell whether Great Expectations has an expectation for a rule about several columns."""
    return isinstance(rule, Comparison) and rule.op != "!="


def derive(rows: Rows, table: str, contract: Contract, context: RuleContext) -> None:
    """Add to the rows the columns that the contract's rules ask about."""
    if table == BATCH:
        _add_event_columns(rows, contract, context)
        if contract.replayed is not None and context.workspace is not None:
            _add_replayed(rows, contract, context)
    for rule in contract.rows:
        if not native(rule):
            rows.derived[row_rule_column(rule)] = _plus(rows, row_rule_column(rule), _broken_text(rule))
    for reference in contract.references:
        _add_missing(rows, reference, context)


def _plus(rows: Rows, name: str, expression: Sql, join: str = "") -> Sql:
    return Sql("(SELECT r.*, ") + expression + f" AS {quoted(name)} FROM " + rows.source + f" AS r {join})"


def _add_event_columns(rows: Rows, contract: Contract, context: RuleContext) -> None:
    source = context.use_case.source
    if source.event_time not in contract.columns:
        return
    time_column = f"r.{quoted(source.event_time)}"
    [(kind,)] = rows.ask(Sql(f"SELECT typeof({quoted(source.event_time)}) FROM rows LIMIT 1")) or [("",)]
    if kind == "TIMESTAMP WITH TIME ZONE":
        date, hour, join = _of_moments(time_column, context.partition, source.timezone)
    else:
        _name_dates(rows, source.event_time, context.partition, source.timezone)
        date, hour = Sql('d."date"'), Sql('d."hour"')
        join = f'LEFT JOIN "(dates)" AS d ON {time_column} = d."text"'
    rows.derived[EVENT_DATE] = _plus(rows, EVENT_DATE, date, join)
    rows.derived[EVENT_HOUR] = _plus(rows, EVENT_HOUR, hour, join)


def _of_moments(column: str, partition: str, timezone: str) -> tuple[Sql, Sql, str]:
    """Return the local date and the hour of moments; the calendar is asked about other days only."""
    day = partitions.parse(partition)
    start, end = (
        datetime.combine(date, time(), ZoneInfo(timezone)).astimezone(UTC)
        for date in (day, day + timedelta(days=1))
    )
    here = Sql(f"{column} >= ? AND {column} < ?", (start, end))
    local = Sql(f"timezone(?, {column})", (timezone,))
    date = Sql("CASE WHEN ") + here + Sql(" THEN ? ELSE CAST(CAST(", (partition,)) + local
    hour = Sql("CASE WHEN ") + here + " THEN date_part('epoch', CAST(" + local + " AS TIME)) / 3600.0 END"
    return date + " AS DATE) AS VARCHAR) END", hour, ""


def _name_dates(rows: Rows, column: str, partition: str, timezone: str) -> None:
    """Make a table of the local date of every different text, read as strictly as everywhere else."""
    import pandas as pd
    import pyarrow as pa

    texts = [
        text for (text,) in rows.ask(Sql(f"SELECT DISTINCT CAST({quoted(column)} AS VARCHAR) FROM rows"))
    ]
    times = pd.Series([text for text in texts if text is not None], dtype="string").sort_values()
    dates = local_dates(times, timezone)
    moments = pd.to_datetime(times.where(dates == partition), utc=True, format="ISO8601")
    local = moments.dt.tz_convert(ZoneInfo(timezone))
    hours = local.dt.hour + local.dt.minute / 60 + local.dt.second / 3600
    named = pa.table(
        {
            "text": pa.array(times.tolist(), pa.string()),
            # A time that cannot be read is a row that may belong anywhere, not a missing value.
            "date": pa.array([UNREADABLE if date is None else date for date in dates], pa.string()),
            "hour": pa.array(hours.tolist(), pa.float64(), from_pandas=True),
        }
    )
    rows.connection.register("(dates)", named)


def _add_replayed(rows: Rows, contract: Contract, context: RuleContext) -> None:
    days = contract.replayed.days if contract.replayed else 0
    keys = contract.unique
    earlier = None
    if context.workspace is not None:
        first = partitions.shift(context.partition, -days)
        last = partitions.shift(context.partition, -1)
        earlier = context.workspace.lake.scan(context.use_case.name, "batches", first, last)
    if earlier is None or not set(keys) <= set(earlier.schema.names):
        rows.derived[REPLAYED_FROM] = _plus(rows, REPLAYED_FROM, Sql("CAST(NULL AS VARCHAR)"))
        return
    rows.connection.register("(earlier)", earlier)
    names = ", ".join(quoted(key) for key in keys)
    same = " AND ".join(f"r.{quoted(key)} IS NOT DISTINCT FROM k.{quoted(key)}" for key in keys)
    join = (
        f'LEFT JOIN (SELECT {names}, max("partition") AS "(day)" FROM "(earlier)" GROUP BY {names}) AS k '
        f"ON {same}"
    )
    some = " OR ".join(f"r.{quoted(key)} IS NOT NULL" for key in keys)
    text = Sql(f'CASE WHEN {some} THEN CAST(k."(day)" AS VARCHAR) END')
    rows.derived[REPLAYED_FROM] = _plus(rows, REPLAYED_FROM, text, join)


def _broken_text(rule: RowRule) -> Sql:
    """Return the values of a row that breaks a rule, as one text; null where the rule holds."""
    return Sql(f"CASE WHEN {_broken(rule)} THEN concat_ws(', ', {', '.join(_pairs(rule.columns))}) END")


def _broken(rule: RowRule) -> str:
    if isinstance(rule, ImpliesNull):
        others = " OR ".join(f"r.{quoted(name)} IS NOT NULL" for name in rule.then)
        return f"r.{quoted(rule.when)} IS NULL AND ({others})"
    return f"r.{quoted(rule.left)} = r.{quoted(rule.right)}"


def _pairs(columns: list[str]) -> Iterator[str]:
    for name in columns:
        label = f"{name}=".replace("'", "''")
        yield f"'{label}' || coalesce(CAST(r.{quoted(name)} AS VARCHAR), 'null')"


def _add_missing(rows: Rows, reference: Reference, context: RuleContext) -> None:
    name = reference_column(reference)
    there = _referred(reference, context)
    if there is None:
        return
    path = there.replace("'", "''")
    targets = ", ".join(quoted(column) for column in reference.to)
    pairs = zip(reference.columns, reference.to, strict=True)
    same = " AND ".join(f"r.{quoted(own)} = k.{quoted(other)}" for own, other in pairs)
    join = (
        f"LEFT JOIN (SELECT DISTINCT {targets}, true AS \"(hit)\" FROM read_parquet('{path}')) AS k ON {same}"
    )
    whole = " AND ".join(f"r.{quoted(column)} IS NOT NULL" for column in reference.columns)
    values = ", ".join(f"CAST(r.{quoted(column)} AS VARCHAR)" for column in reference.columns)
    text = Sql(f"CASE WHEN {whole} AND k.\"(hit)\" IS NULL THEN concat_ws(', ', {values}) END")
    rows.derived[name] = _plus(rows, name, text, join)


def _referred(reference: Reference, context: RuleContext) -> str | None:
    if reference.table is not None:
        staged = context.tables.get(reference.table)
        return None if staged is None else str(staged.path)
    path = context.references.get(reference.file or "")
    return None if path is None else str(path)
