"""Rows on their way into a Delta table: the audit columns, and the types that the table already has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from deltalake import DeltaTable


@dataclass(frozen=True)
class Audit:
    """What every row of one write carries beside its data and its `known_at`."""

    partition: str
    source_hash: str
    contract_hash: str
    content_hash: str
    ingested_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def as_arrow(audited: pd.DataFrame, known: DeltaTable | None) -> pa.Table:
    """Convert to Arrow. Columns that the table has already keep their types, so an all-null day changes none.

    Raises:
        ConfigurationError: a value does not fit the type that its column has in the table.
    """
    import pyarrow as pa

    schema = _schema(pa.Schema.from_pandas(audited, preserve_index=False), known)
    try:
        return pa.Table.from_pandas(audited, schema=schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise _misfit(error) from error


def as_reader(
    batches: Iterable[pa.RecordBatch], audit: Audit, known: DeltaTable | None
) -> pa.RecordBatchReader:
    """Add the audit columns to rows that come in batches, and convert them as `as_arrow` does.

    Raises:
        ConfigurationError: when read, a value does not fit the type that its column has in the table.
    """
    import pyarrow as pa

    ahead = iter(batches)
    first = _audited(next(ahead), audit)
    schema = _schema(first.schema, known)

    def converted() -> Iterator[pa.RecordBatch]:
        yield _cast(first, schema)
        for batch in ahead:
            yield _cast(_audited(batch, audit), schema)

    return pa.RecordBatchReader.from_batches(schema, converted())


def merged_schema(rows: pa.Schema, known: DeltaTable | None) -> pa.Schema:
    """Return the columns of a table with those of the rows that are new to it."""
    import pyarrow as pa

    present = [] if known is None else list(pa.schema(known.schema().to_arrow()))
    there = {field.name for field in present}
    return pa.schema([*present, *(field for field in rows if field.name not in there)])


def _audited(batch: pa.RecordBatch, audit: Audit) -> pa.RecordBatch:
    import pyarrow as pa

    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    for name, value in vars(audit).items():
        kind = pa.timestamp("us", "UTC") if isinstance(value, datetime) else pa.string()
        columns[name] = pa.repeat(pa.scalar(value, kind), batch.num_rows)
    return pa.RecordBatch.from_pydict(columns)


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    try:
        return batch.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise _misfit(error) from error


def _schema(inferred: pa.Schema, known: DeltaTable | None) -> pa.Schema:
    import pyarrow as pa

    declared = {} if known is None else {field.name: field for field in pa.schema(known.schema().to_arrow())}
    # Without a single value the type of a column of objects cannot be seen; nearly always it is text.
    return pa.schema(
        [
            declared.get(field.name)
            or (pa.field(field.name, pa.string()) if pa.types.is_null(field.type) else field)
            for field in inferred
        ]
    )


def _misfit(error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"The rows do not fit the types of their table: {'; '.join(map(str, error.args))}. A column "
        "keeps the type that it first had; correct what made the rows, or give the column another name"
    )
