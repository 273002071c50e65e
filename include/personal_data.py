"""Telling by their looks which values are personal data.

A set of values is reported when the matches among them cannot be explained by what values of no personal
meaning produce by chance: when the one-sided Clopper-Pearson lower bound of their share, at alpha .001, lies
above the detector's chance rate. One match in a few values is never enough, a fifth of a column always is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from include.stats.proportions import share_bounds

ALPHA = 0.001
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_PHONE = re.compile(r"(?<![\w.])(?:\+|\(?0|\(?[1-9])[\d ()./-]{6,18}\d(?![\w.])")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
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
    if found is None or _DATE.search(text) or not re.search(r"[+ ()/-]", found.group().strip()):
        return False
    if not found.group().startswith("+") and region is None:
        return False
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(found.group(), region)))
    except phonenumbers.NumberParseException:
        return False


def _is_card(text: str, _region: str | None) -> bool:
    found = _CARD.findall(text)
    if not found:
        return False
    from stdnum import luhn

    return any(luhn.is_valid(re.sub(r"[ -]", "", number)) for number in found)


def _is_iban(text: str, _region: str | None) -> bool:
    found = _IBAN.findall(text)
    if not found:
        return False
    from stdnum import iban

    return any(iban.is_valid(account) for account in found)


DETECTORS = (
    Detector("an e-mail address", 0.001, _is_email),
    Detector("an IBAN", 0.011, _is_iban),
    Detector("a card number", 0.1, _is_card),
    Detector("a phone number", 0.02, _is_phone),
)


def looks_like(values: list[str], region: str | None) -> str:
    """Say what values look like, with masked examples; nothing when they look like no personal data."""
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
