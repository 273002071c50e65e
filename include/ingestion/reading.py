"""Staged rows as pandas sees them, and the dates of their times."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

EVENT_DATE = "(event date)"  # no column of a batch is called so


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
