"""Reading the data that a person points at, and cutting them into days."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from include.errors import ConfigurationError, NotFound

_READERS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "json", ".ndjson": "json"}
_PACKED = {".gz", ".zip", ".bz2", ".xz"}
_TIME_SHARE = 0.99
ROW, LANDED = "row", "landed_at"


def read_data(path: Path) -> pd.DataFrame:
    """Read a file, or all files of a folder in the order of their names.

    Raises:
        NotFound: there is no such file, or no file that can be read in the folder.
        ConfigurationError: a file is of another kind, or cannot be read as what its name says.
    """
    if not path.exists():
        raise NotFound(f"There is no file or folder {path}")
    files = sorted(file for file in path.rglob("*") if _kind(file)) if path.is_dir() else [path]
    if not files:
        raise NotFound(f"No file of {path} ends with {', '.join(_READERS)}")
    frames = [_read(file) for file in files]
    if different := {tuple(sorted(frame.columns)) for frame in frames[1:]} - {
        tuple(sorted(frames[0].columns))
    }:
        raise ConfigurationError(
            f"The files of {path} have different columns ({len(different) + 1} forms); name one kind of them"
        )
    rows = pd.concat(frames, ignore_index=True)
    if rows.empty:
        raise ConfigurationError(f"{path} holds no rows, so nothing can be learned from it")
    return rows.rename(columns=str)


def _kind(path: Path) -> str | None:
    suffixes = [suffix for suffix in path.suffixes if suffix not in _PACKED]
    return _READERS.get(suffixes[-1]) if suffixes and path.is_file() else None


def _read(path: Path) -> pd.DataFrame:
    kind = _kind(path)
    if kind is None:
        raise ConfigurationError(f"{path} is none of {', '.join(_READERS)}, packed or not; convert it")
    try:
        if kind == "parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path) if kind == "csv" else pd.read_json(path, lines=True)
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read as {kind}: {error}") from error


def times_of(values: pd.Series, timezone: str) -> pd.Series | None:
    """Return a column as moments in a zone; None when its values are no times.

    Times without an offset are taken as those of the zone; the hours that a change of the clocks repeats or
    leaves out become the next that exists, or none.
    """
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return None
    if pd.api.types.is_datetime64_any_dtype(values):
        return _zoned(values, timezone)
    texts = values.astype("string")
    looks = texts.str.match(r"\d{4}-\d{2}-\d{2}")
    if not len(texts.dropna()) or looks.mean() < _TIME_SHARE:
        return None
    with_offset = texts.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True, na=False)
    if with_offset.all():
        moments = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
        return moments.dt.tz_convert(timezone)
    return _zoned(pd.to_datetime(texts, format="ISO8601", errors="coerce"), timezone)


def _zoned(values: pd.Series, timezone: str) -> pd.Series:
    if values.dt.tz is not None:
        zoned: pd.Series = values.dt.tz_convert(timezone)
    else:
        zoned = values.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="shift_forward")
    return zoned


def time_column(rows: pd.DataFrame, named: str | None, timezone: str) -> tuple[str, pd.Series] | None:
    """Return the column of event times: the one that is named, or the only one that reads as times.

    Raises:
        ConfigurationError: the named one does not exist or holds no times, or several could be meant.
    """
    if named is not None:
        if named not in rows.columns:
            raise ConfigurationError(f"There is no column {named!r}; there are {', '.join(rows.columns)}")
        times = times_of(rows[named], timezone)
        if times is None or times.isna().any():
            bad = (
                rows[named][times.isna()].head(1).tolist()
                if times is not None
                else rows[named].head(1).tolist()
            )
            raise ConfigurationError(f"Column {named!r} holds values that are no times, such as {bad}")
        return named, times
    found = {name: times for name in rows.columns if (times := times_of(rows[name], timezone)) is not None}
    whole = {name: times for name, times in found.items() if not times.isna().any()}
    if len(whole) > 1:
        raise ConfigurationError(f"Columns {', '.join(whole)} all hold times; name the event's with --time")
    return next(iter(whole.items())) if whole else None
