"""Make a first use case from data, and land the data as its days."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from include.errors import ConfigurationError
from include.scaffolding.findings import Findings, examine
from include.scaffolding.reading import LANDED, ROW, read_data, time_column
from include.scaffolding.writing import features_py, use_case_yaml
from include.storage import ObjectStore
from include.use_case import FILE_NAME, read_use_case
from include.use_case_sections import NAME_PATTERN


@dataclass(frozen=True)
class Scaffold:
    """What was made.

    Attributes:
        folder: of the use case.
        days: partitions that landed.
        attention: what a person should look at.
    """

    folder: Path
    days: list[str]
    rows: int
    attention: list[str]


def scaffold(
    data: Path,
    *,
    name: str,
    target: str,
    time: str | None,
    key: Sequence[str],
    timezone: str,
    use_cases: Path,
    landing: ObjectStore,
) -> Scaffold:
    """Write `use_case.yaml` and `features.py` of a new use case, and its days into the landing folder.

    Data without a time become one day, that of the file's last change; data whose rows nothing names get a
    column that counts them.

    Raises:
        ConfigurationError: the name is taken or wrong, or the data do not allow a declaration.
        NotFound: there are no data.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise ConfigurationError(f"{name!r} is no name of a use case; use small letters, digits and _")
    folder = use_cases / name
    if folder.exists():
        raise ConfigurationError(f"{folder} exists already; nothing is overwritten, so choose another --name")
    rows, time, days = _timed(read_data(data), data, time, timezone)
    found = examine(rows, days, target=target, time=time, key=key)
    if not found.key:
        rows = rows.assign(**{ROW: rows.groupby(days.to_numpy()).cumcount()})
        found = examine(rows, days, target=target, time=time, key=[ROW])
        found.attention.insert(
            0, f"no column names a row, so {ROW} counts them; a repeat upstream goes unseen"
        )
    _land(rows, days, name, landing)
    _write(folder, found, name=name, target=target, time=time, timezone=timezone, source=data.name)
    return Scaffold(folder, found.days, len(rows), found.attention)


def _timed(
    rows: pd.DataFrame, data: Path, time: str | None, timezone: str
) -> tuple[pd.DataFrame, str, pd.Series]:
    """Return the rows with a column of moments, its name, and the day of each row."""
    found = time_column(rows, time, timezone)
    if found is None:
        changed = datetime.fromtimestamp(data.stat().st_mtime, UTC)
        midnight = pd.Timestamp(changed.date(), tz=timezone)
        rows = rows.assign(**{LANDED: pd.Series(midnight, index=rows.index).dt.as_unit("us")})
        return rows, LANDED, rows[LANDED].dt.strftime("%Y-%m-%d")
    name, times = found
    return rows.assign(**{name: times.dt.as_unit("us")}), name, times.dt.strftime("%Y-%m-%d")


def _land(rows: pd.DataFrame, days: pd.Series, name: str, landing: ObjectStore) -> None:
    for day, part in rows.groupby(days.to_numpy(), sort=True):
        buffer = io.BytesIO()
        part.to_parquet(buffer, index=False)
        landed_key = f"{name}/{day}.parquet"
        if (
            not landing.put_if_absent(landed_key, buffer.getvalue())
            and landing.get(landed_key) != buffer.getvalue()
        ):
            raise ConfigurationError(
                f"{landing.address(landed_key)} holds something else; nothing is overwritten, so choose "
                "another name"
            )


def _write(
    folder: Path, found: Findings, *, name: str, target: str, time: str, timezone: str, source: str
) -> None:
    declaration = use_case_yaml(found, name=name, target=target, time=time, timezone=timezone, source=source)
    folder.mkdir(parents=True)
    try:
        (folder / FILE_NAME).write_text(declaration, encoding="utf-8")
        (folder / "features.py").write_text(features_py(found, name=name, time=time), encoding="utf-8")
        read_use_case(folder / FILE_NAME)
    except BaseException:
        shutil.rmtree(folder)
        raise
