"""What each kind of expectation asks of a relation, as SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from include.ingestion.rules.rows import Rows, Sql, quoted

_TRUE = Sql("true")


@dataclass(frozen=True)
class Plan:
    """An expectation about single rows.

    Attributes:
        source: what to select from.
        judged: which rows are judged; the others count as missing.
        broken: which of them break it.
        columns: the values that are shown of such a row.
        shape: how Great Expectations shows them.
        counts_missing: whether its result tells how many rows were not judged.
    """

    source: Sql
    judged: Sql
    broken: Sql
    columns: tuple[str, ...]
    shape: Literal["value", "pair", "record"] = "value"
    counts_missing: bool = True


def plan(kind: str, arguments: dict[str, Any], rows: Rows) -> Plan | None:
    """Return the plan of an expectation; None of one that is about the whole table.

    Raises:
        ValueError: no plan is known for this kind of expectation.
    """
    if kind in WHOLE_TABLE:
        return None
    if kind not in _PLANS:
        raise ValueError(f"No SQL is known for {kind}; evaluate the contract with engine: great_expectations")
    return _PLANS[kind](arguments, rows)


WHOLE_TABLE = frozenset({"expect_table_row_count_to_be_between", "expect_column_max_to_be_between"})


def _of_column(
    arguments: dict[str, Any], rows: Rows, broken: Callable[[str], Sql], *, nulls: bool = False
) -> Plan:
    name = arguments["column"]
    column = quoted(name)
    there = _TRUE if nulls else Sql(f"{column} IS NOT NULL")
    condition = broken(column) if nulls else there + " AND " + broken(column)
    return Plan(rows.having([name]), there, condition, (name,), counts_missing=not nulls)


def _not_null(arguments: dict[str, Any], rows: Rows) -> Plan:
    return _of_column(arguments, rows, lambda column: Sql(f"{column} IS NULL"), nulls=True)


def _null(arguments: dict[str, Any], rows: Rows) -> Plan:
    return _of_column(arguments, rows, lambda column: Sql(f"{column} IS NOT NULL"), nulls=True)


def _between(arguments: dict[str, Any], rows: Rows) -> Plan:
    low, high = arguments.get("min_value"), arguments.get("max_value")

    def broken(column: str) -> Sql:
        below = [] if low is None else [Sql(f"{column} < ?", (low,))]
        above = [] if high is None else [Sql(f"{column} > ?", (high,))]
        first, *rest = below + above
        return Sql("(") + (first + " OR " + rest[0] if rest else first) + ")"

    return _of_column(arguments, rows, broken)


def _in_set(arguments: dict[str, Any], rows: Rows) -> Plan:
    allowed = list(arguments["value_set"])
    marks = ", ".join("?" * len(allowed))

    def broken(column: str) -> Sql:
        return Sql(f"{column} NOT IN ({marks})", tuple(allowed)) if allowed else _TRUE

    return _of_column(arguments, rows, broken)


def _matching(arguments: dict[str, Any], rows: Rows) -> Plan:
    # The contract's own pattern, between the anchors that make Python match the whole text.
    pattern = arguments["regex"].removeprefix(r"\A(?a:").removesuffix(r")\Z")
    return _of_column(arguments, rows, lambda column: Sql(f"NOT regexp_full_match({column}, ?)", (pattern,)))


def _pair(arguments: dict[str, Any], rows: Rows) -> Plan:
    names = (arguments["column_A"], arguments["column_B"])
    left, right = map(quoted, names)
    good = "="
    if "or_equal" in arguments:
        good = ">=" if arguments["or_equal"] else ">"
    there = f"{left} IS NOT NULL AND {right} IS NOT NULL"
    return Plan(rows.source, Sql(there), Sql(f"{there} AND NOT ({left} {good} {right})"), names, "pair")


def _greater(arguments: dict[str, Any], rows: Rows) -> Plan:
    return _pair({"or_equal": False, **arguments}, rows)


def _unique(arguments: dict[str, Any], rows: Rows) -> Plan:
    return _repeated((arguments["column"],), rows, "value")


def _compound(arguments: dict[str, Any], rows: Rows) -> Plan:
    return _repeated(tuple(arguments["column_list"]), rows, "record")


def _repeated(names: tuple[str, ...], rows: Rows, shape: Literal["value", "record"]) -> Plan:
    """Plan for keys that appear again. Their hashes are counted first; see `repeated_hashes`."""
    some = "(" + " OR ".join(f"{quoted(name)} IS NOT NULL" for name in names) + ")"
    columns = ", ".join(quoted(name) for name in names)
    hashes = repeated_hashes(names, rows)
    if not hashes:
        return Plan(rows.source, Sql(some), Sql("false"), names, shape)
    rows.connection.register(_HASHES, _as_table(hashes))
    suspects = f'SELECT {columns} FROM rows WHERE {some} AND hash({columns}) IN (SELECT h FROM "{_HASHES}")'
    again = f"SELECT {columns} FROM ({suspects}) GROUP BY {columns} HAVING count(*) > 1"
    same = " AND ".join(f"r.{quoted(name)} IS NOT DISTINCT FROM k.{quoted(name)}" for name in names)
    marked = f'SELECT *, true AS "(again)" FROM ({again})'
    source = Sql(f'(SELECT r.*, k."(again)" FROM rows AS r LEFT JOIN ({marked}) AS k ON {same})')
    return Plan(source, Sql(some), Sql(f'{some} AND "(again)" IS NOT NULL'), names, shape)


_HASHES = "(hashes)"


def repeated_hashes(names: tuple[str, ...], rows: Rows) -> list[int]:
    """Return the hashes that more than one row of a key has: equal keys always have equal ones.

    Sorting 64 bits a row needs a fraction of the memory and time of grouping the keys themselves, which is
    then done for the few rows that share a hash.
    """
    import numpy as np

    columns = ", ".join(quoted(name) for name in names)
    some = " OR ".join(f"{quoted(name)} IS NOT NULL" for name in names)
    found = rows.connection.execute(f"SELECT hash({columns}) AS h FROM rows WHERE {some}")
    hashes = np.asarray(found.fetchnumpy()["h"], dtype=np.uint64)
    hashes.sort()
    repeated: list[int] = np.unique(hashes[1:][hashes[1:] == hashes[:-1]]).tolist()
    return repeated


def _as_table(hashes: list[int]) -> Any:
    import pyarrow as pa

    return pa.table({"h": pa.array(hashes, pa.uint64())})


_PLANS: dict[str, Callable[[dict[str, Any], Rows], Plan]] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_match_regex": _matching,
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_column_pair_values_to_be_equal": _pair,
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _compound,
}
