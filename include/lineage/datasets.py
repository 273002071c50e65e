"""What a task read and wrote, as data sets with their schema, size, identity and quality.

The words are those of OpenLineage's naming (https://openlineage.io/docs/spec/naming): a namespace that says
where to look, and a name that is unique there. Nothing here depends on OpenLineage's own library.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from include.decisions import Decision
from include.lake import PARTITION, Lake
from include.lineage.facts import BATCH, Fact, landed_files, source_hash


class Check(Fact):
    """One rule and what it found. `column` is empty for a rule about the whole table."""

    rule: str
    column: str
    success: bool
    severity: str
    violations: int
    checked: int


class DataSet(Fact):
    """A file or one partition of a table.

    Attributes:
        fields: name and type of every column; empty when nobody knows.
        version: names the content: a hash of a file, or the table's version.
        checks: rules that were evaluated on it.
        nulls: missing values of each column that a rule has counted.
    """

    namespace: str
    name: str
    fields: dict[str, str] = Field(default_factory=dict)
    version: str = ""
    rows: int | None = None
    size: int | None = None
    checks: list[Check] = Field(default_factory=list)
    nulls: dict[str, int] = Field(default_factory=dict)


def located(address: str) -> tuple[str, str]:
    """Split an address into namespace and name.

    >>> located("/srv/lake/flights/batches")
    ('file', '/srv/lake/flights/batches')
    >>> located("s3://bucket/lake/flights")
    ('s3://bucket', 'lake/flights')
    """
    parts = urlsplit(address)
    if not parts.scheme or parts.scheme == "file":
        return "file", parts.path
    return f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")


def raw_files(decision: Decision) -> list[DataSet]:
    """Return the files that an ingestion decision was about, with what the contract's rules found in them."""
    found: list[DataSet] = []
    for file in landed_files(decision):
        namespace, name = located(file["raw"] or file["source"])
        table = str(file["table"])
        results = [result for result in decision.evidence["results"] if result["table"] == table]
        found.append(
            DataSet(
                namespace=namespace,
                name=name,
                version=source_hash(decision, table),
                size=file["size"],
                rows=decision.evidence["rows"] if table == BATCH else None,
                checks=[*map(_check, results), *_faults(decision, table)],
                nulls={
                    _column(result["rule"]): result["violations"]
                    for result in results
                    if str(result["rule"]).endswith(".null_share")
                },
            )
        )
    return found


def _check(result: dict[str, Any]) -> Check:
    checked = result["checked"]
    share = result["violations"] / checked if checked else 0.0
    return Check(
        rule=result["rule"],
        column=_column(result["rule"]),
        success=share <= result["limit"],
        severity=result["severity"],
        violations=result["violations"],
        checked=checked,
    )


def _faults(decision: Decision, table: str) -> Iterable[Check]:
    for fault in decision.evidence["faults"]:
        if fault["table"] == table:
            yield Check(
                rule=fault["rule"],
                column=_column(fault["rule"]),
                success=False,
                severity=fault["severity"],
                violations=1,
                checked=1,
            )


def _column(rule: str) -> str:
    return rule.rpartition(".")[0]


def lake_table(lake: Lake, use_case: str, table: str, partition: str | None = None) -> DataSet | None:
    """Return a table with the rows of one partition, or of all; None when it was never written."""
    delta = lake.find(use_case, table)
    if delta is None:
        return None
    namespace, name = located(lake.uri(use_case, table))
    counts = lake.value_counts(use_case, table)
    return DataSet(
        namespace=namespace,
        name=name,
        fields={field.name: _type_name(field.type) for field in delta.schema().fields},
        version=f"{delta.version()}" + (f"[{PARTITION}={partition}]" if partition else ""),
        rows=counts.get(partition, 0) if partition else sum(counts.values()),
    )


def _type_name(type_: Any) -> str:
    return str(getattr(type_, "type", type_))


def lake_tables(lake: Lake, use_case: str, tables: Iterable[str], partition: str | None) -> list[DataSet]:
    """Return those of some tables that exist."""
    found = (lake_table(lake, use_case, table, partition) for table in tables)
    return [table for table in found if table is not None]
