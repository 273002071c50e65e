"""Columns that look like personal data although they do not declare it.

A column is reported when the matches among the values that were looked at cannot be explained by what values
of no personal meaning produce by chance: when the one-sided Clopper-Pearson lower bound of their share, at
alpha .001, lies above the detector's chance rate. One match in a few rows is never enough, a tenth of a
column always is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from include.ingestion.evidence import Fault
from include.ingestion.staged import StagedTable
from include.stats.proportions import share_bounds
from include.use_case_sections import Contract, Privacy

if TYPE_CHECKING:
    import pyarrow as pa

ALPHA = 0.001
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_PHONE = re.compile(r"(?<![\w.])(?:\+|\(?0|\(?[1-9])[\d ()./-]{6,18}\d(?![\w.])")
_CARD = re.compile(r"(?<!\d)[2-6]\d(?:[ -]?\d){11,17}(?!\d)")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)")
_SHOWN = 3


class Detector(NamedTuple):
    """One kind of personal data.

    Attributes:
        chance: share of values of the same shape that match without being any. A tenth of all numbers has a
            valid Luhn digit, one IBAN-like text in 97 valid check digits.
    """

    name: str
    chance: float
    matches: Callable[[str, str | None], bool]


def _is_email(text: str, _region: str | None) -> bool:
    return _EMAIL.search(text) is not None


def _is_phone(text: str, region: str | None) -> bool:
    found = _PHONE.search(text)
    # A plain run of digits is as likely a number of anything else.
    if found is None or not re.search(r"[+ ()/-]", found.group().strip()):
        return False
    if not found.group().startswith("+") and region is None:
        return False
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(found.group(), region)))
    except phonenumbers.NumberParseException:
        return False


def _is_card(text: str, _region: str | None) -> bool:
    from stdnum import luhn

    return any(luhn.is_valid(re.sub(r"[ -]", "", found)) for found in _CARD.findall(text))


def _is_iban(text: str, _region: str | None) -> bool:
    from stdnum import iban

    return any(iban.is_valid(found) for found in _IBAN.findall(text))


DETECTORS = (
    Detector("an e-mail address", 0.001, _is_email),
    Detector("an IBAN", 0.011, _is_iban),
    Detector("a card number", 0.1, _is_card),
    Detector("a phone number", 0.02, _is_phone),
)


def undeclared(staged: StagedTable, contract: Contract, privacy: Privacy) -> list[Fault]:
    """Return a fault for each column that looks like personal data; its examples are masked.

    Looks at texts and integers of `privacy.sample_rows` rows, spread evenly over the table.
    """
    if privacy.undeclared == "ignore":
        return []
    columns = [
        name
        for name, column in contract.columns.items()
        if column.pii is None and column.type in {"string", "integer"} and name not in privacy.not_personal
    ]
    rows = _sample(staged, columns, privacy.sample_rows)
    faults = []
    for name in columns:
        values = [str(value) for value in rows.column(name).to_pylist() if value is not None]
        if detail := _looks_like(values, privacy.phone_region):
            faults.append(
                Fault(
                    table=staged.table,
                    rule=f"{name}.personal",
                    detail=f"column {name!r} declares no pii and {detail}; declare `pii` for it, or list it "
                    "in privacy.not_personal",
                    severity=privacy.undeclared,
                )
            )
    return faults


def _sample(staged: StagedTable, columns: Sequence[str], count: int) -> pa.Table:
    """Read rows at equal distances; of a long table only some row groups are opened."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(staged.path)
    groups = file.num_row_groups
    opened = sorted({int(place) for place in np.linspace(0, groups - 1, min(groups, 8))}) if groups else []
    each = -(-count // max(len(opened), 1))
    parts = []
    for group in opened:
        rows = file.read_row_group(group, columns=list(columns))
        step = max(len(rows) // each, 1)
        parts.append(rows.take(pa.array(range(0, len(rows), step)[:each], pa.int64())))
    return pa.concat_tables(parts) if parts else file.schema_arrow.empty_table()


def _looks_like(values: list[str], region: str | None) -> str:
    for detector in DETECTORS:
        found = [value for value in values if detector.matches(value, region)]
        if not found:
            continue
        lower, _ = share_bounds(len(found), len(values), ALPHA)
        if lower > detector.chance:
            examples = ", ".join(hidden(value) for value in found[:_SHOWN])
            share = f"{len(found)} of the {len(values)} values looked at"
            return f"{share} look like {detector.name} ({examples})"
    return ""


def hidden(value: str) -> str:
    """Return the shape of a value without its content: letters as `x`, digits as `9`.

    >>> hidden("ann.lee@example.org +1 212")
    'xxx.xxx@xxxxxxx.xxx +9 999'
    """
    return re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "9", value[:40]))
