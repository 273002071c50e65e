"""From the bytes of a landed file to rows, with every doubt about their shape named."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from include.errors import BatchUnreadable
from include.ingestion.evidence import Fault
from include.use_case_sections import Column, Contract

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

EVENT_DATE = "(event date)"  # no column of a batch is called so


def read_parquet(content: bytes) -> pa.Table:
    """Read Parquet.

    Raises:
        BatchUnreadable: the bytes are truncated or something else than Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not through `read_table`: a data set cannot hold a column twice, and cannot say so plainly.
        rows = pq.ParquetFile(pa.BufferReader(content)).read()
        rows.validate(full=True)
    except (pa.ArrowException, OSError, EOFError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise BatchUnreadable(f"not readable as Parquet ({len(content)} bytes): {said}") from error
    return rows


def shape_faults(table: str, rows: pa.Table, contract: Contract) -> list[Fault]:
    """Compare the columns of a file with the contract: missing, repeated, extra and retyped ones."""
    names = rows.column_names
    faults = [
        Fault(table=table, rule=f"{name}.present", detail=f"column {name!r} is missing")
        for name in contract.columns
        if name not in names
    ]
    repeated = sorted({name for name in names if names.count(name) > 1})
    faults += [
        Fault(table=table, rule=f"{name}.once", detail=f"column {name!r} stands twice") for name in repeated
    ]
    if contract.extra_columns != "drop":
        severity = contract.extra_columns
        faults += [
            Fault(
                table=table,
                rule="extra_columns",
                detail=f"column {name!r} is not in the contract",
                severity=severity,
            )
            for name in names
            if name not in contract.columns
        ]
    for name, column in contract.columns.items():
        if names.count(name) == 1 and not _type_fits(rows.schema.field(name).type, column.type):
            found = rows.schema.field(name).type
            detail = f"column {name!r} has type {found}, the contract says {column.type}"
            faults.append(Fault(table=table, rule=f"{name}.type", detail=detail))
    return faults


def _type_fits(found: pa.DataType, declared: str) -> bool:
    import pyarrow.types as pat

    def is_text(type_: pa.DataType) -> bool:
        return bool(pat.is_string(type_) or pat.is_large_string(type_))

    fitting: dict[str, Callable[[pa.DataType], bool]] = {
        "integer": pat.is_integer,
        "number": lambda type_: pat.is_floating(type_) or pat.is_integer(type_),
        "string": lambda type_: is_text(type_) or (pat.is_dictionary(type_) and is_text(type_.value_type)),
        "boolean": pat.is_boolean,
        "timestamp": lambda type_: (pat.is_timestamp(type_) and type_.tz is not None) or is_text(type_),
    }
    # A column without a single value has no type; its null share is judged instead.
    return bool(pat.is_null(found) or fitting[declared](found))


def typed_table(table: str, rows: pa.Table, contract: Contract) -> tuple[pa.Table, list[Fault]]:
    """Convert a file of the right shape to rows whose types follow the contract alone.

    Files differ by the day: a column of numbers is written as integers on a day without fractions, and
    without a type on a day without values. The lake must not see the difference. NaN becomes null: both say
    that there is no value.
    """
    import pyarrow as pa

    columns: dict[str, pa.ChunkedArray] = {}
    faults: list[Fault] = []
    for name, column in contract.columns.items():
        values = rows.column(name)
        if column.type == "timestamp":
            columns[name], fault = _times(table, name, values, column)
            faults += [fault] if fault else []
            continue
        try:
            columns[name] = _typed(values, column.type)
        except pa.ArrowInvalid as error:
            columns[name] = values
            faults.append(Fault(table=table, rule=f"{name}.type", detail=f"column {name!r}: {error}"))
    return pa.table(columns), faults


def _typed(values: pa.ChunkedArray, declared: str) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    types = {"integer": pa.int64(), "number": pa.float64(), "string": pa.string(), "boolean": pa.bool_()}
    # Only integers beyond 64 bits do not fit; a number may lose its 17th digit.
    typed = values.cast(types[declared], safe=declared != "number")
    if declared != "number":
        return typed
    return pc.if_else(pc.is_nan(typed), pa.scalar(None, pa.float64()), typed)


def _times(
    table: str, name: str, values: pa.ChunkedArray, column: Column
) -> tuple[pa.ChunkedArray, Fault | None]:
    import pyarrow as pa
    import pyarrow.types as pat

    if pat.is_timestamp(values.type):
        return values.cast(pa.timestamp("us", "UTC"), safe=False), None
    text = values.cast(pa.string())
    times = text.to_pandas()
    unreadable = times[_moments(times).isna() & times.notna()]
    if unreadable.empty:
        return text, None
    detail = (
        f"{len(unreadable)} of {len(times)} values of column {name!r} are no ISO 8601 time with its offset; "
        f"for example {str(unreadable.iloc[0])[:100]!r}"
    )
    return text, Fault(table=table, rule=f"{name}.type", detail=detail, severity=column.severity)


def frame_of(rows: pa.Table) -> pd.DataFrame:
    """Convert typed rows to pandas; integers and flags with a null become pandas' nullable types."""
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    return pd.DataFrame(
        {
            name: values.to_pandas(types_mapper=nullable.get if values.null_count else None)
            for name, values in zip(rows.column_names, rows.columns, strict=True)
        }
    )


def local_dates(times: pd.Series, timezone: str) -> pd.Series:
    """Return the local calendar date (`YYYY-MM-DD`) of each time; None where it cannot be read.

    Args:
        times: ISO 8601 text with an offset, or timestamps with a zone. A time without a zone is not guessed
            at.
        timezone: IANA name of the zone whose calendar counts.
    """
    moments = _moments(times)
    dates: pd.Series = moments.dt.tz_convert(ZoneInfo(timezone)).dt.strftime("%Y-%m-%d").astype(object)
    dates[moments.isna()] = None
    return dates


def _moments(times: pd.Series) -> pd.Series:
    """Return the moment of each time in UTC; NaT where it cannot be read."""
    import pandas as pd

    if isinstance(times.dtype, pd.DatetimeTZDtype):
        moments: pd.Series = times.dt.tz_convert("UTC")
        return moments
    # Many rows share a time, and reading text is slow.
    codes, distinct = pd.factorize(times.astype("string"))
    texts = pd.Series(distinct, dtype="string")
    with_zone = texts.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True, na=False)
    moments = pd.to_datetime(texts.where(with_zone), utc=True, errors="coerce", format="ISO8601")
    return pd.Series(moments.array.take(codes, allow_fill=True), index=times.index)
