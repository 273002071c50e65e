"""Declared personal data are changed as declared; undeclared ones are recognised, and chance is not."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from include.errors import ConfigurationError
from include.ingestion.personal import undeclared
from include.ingestion.privacy import Masking
from include.ingestion.staged import write_staged
from include.personal_data import hidden, looks_like
from include.use_case_sections import Column, Contract, Privacy
from tests.corpus.desk import use_case

KEY = SecretStr("k" * 32)
MOMENT = datetime(2024, 3, 5, 17, 42, 9, tzinfo=UTC)


def masked(kind, pii, values):
    contract = Contract.model_validate(
        {"columns": {"a": {"type": kind, "pii": pii}, "b": {"type": "integer"}}}
    )
    rows = pa.RecordBatch.from_arrays([values, pa.array(range(len(values)))], names=["a", "b"])
    found = Masking(contract, KEY)(rows)
    assert found.schema.names == list(contract.kept.columns)
    return found.column("a").to_pylist() if "a" in found.schema.names else None


METHODS = {
    "mask": ("string", {"method": "mask"}, ["Ann", None, ""], ["***", None, "***"]),
    "mask, but the last signs": (
        "string",
        {"method": "mask", "show_last": 2},
        ["12345", "123"],
        ["***45", "***"],
    ),
    "mask numbers": ("integer", {"method": "mask"}, [17, None], ["***", None]),
    "a text's beginning": (
        "string",
        {"method": "generalise", "keep": 3},
        ["10115", "1", None],
        ["101", "1", None],
    ),
    "steps of numbers": (
        "number",
        {"method": "generalise", "step": 10.0},
        [17.9, -0.5, None],
        [10.0, -10.0, None],
    ),
    "steps of integers": (
        "integer",
        {"method": "generalise", "step": 10},
        [17, -1, 2**53 + 1],
        [10, -10, 2**53 - 2],
    ),
    "drop": ("string", {"method": "drop"}, ["Ann"], None),
}


@pytest.mark.parametrize(("kind", "pii", "before", "after"), METHODS.values(), ids=METHODS)
def test_each_method_leaves_what_it_says(kind, pii, before, after):
    assert masked(kind, pii, pa.array(before)) == after


PERIODS = {
    "year": ("2024-01-01T00:00:00", datetime(2024, 1, 1, tzinfo=UTC)),
    "month": ("2024-03-01T00:00:00", datetime(2024, 3, 1, tzinfo=UTC)),
    "day": ("2024-03-05T00:00:00", datetime(2024, 3, 5, tzinfo=UTC)),
    "hour": ("2024-03-05T17:00:00", datetime(2024, 3, 5, 17, tzinfo=UTC)),
}


@pytest.mark.parametrize(("period", "expected"), PERIODS.items(), ids=PERIODS)
def test_times_become_their_period_as_moments_and_as_text(period, expected):
    text, moment = expected
    pii = {"method": "generalise", "to": period}
    assert masked("timestamp", pii, pa.array([MOMENT, None], pa.timestamp("us", "UTC"))) == [moment, None]
    for offset in ("Z", "+05:30", "-0800"):
        written = pa.array([f"2024-03-05T17:42:09{offset}", f"2024-03-05 17:42:09.123{offset}", None])
        assert masked("timestamp", pii, written) == [
            f"{text}{offset}".replace("T17", written[0].as_py()[10:13]),
            f"{text}{offset}".replace("T17", written[1].as_py()[10:13]),
            None,
        ]


@given(st.lists(st.text(max_size=30) | st.none(), max_size=20))
@settings(deadline=None, max_examples=60)
def test_a_keyed_hash_is_that_of_the_standard_and_keeps_equal_values_equal(values):
    found = masked("string", {"method": "hash"}, pa.array(values, pa.string()))
    expected = [
        None if value is None else hmac.new(b"k" * 32, value.encode(), hashlib.sha256).hexdigest()[:32]
        for value in values
    ]
    assert found == expected


def test_a_key_must_be_there_and_long():
    contract = Contract.model_validate({"columns": {"a": {"type": "string", "pii": {"method": "hash"}}}})
    for key in ("", "short"):
        with pytest.raises(ConfigurationError, match=rf"AIRLOCK_PRIVACY_KEY has {len(key)} bytes"):
            Masking(contract, SecretStr(key))


IMPOSSIBLE = {
    "a range of hashes": ({"type": "number", "min": 0, "pii": {"method": "hash"}}, "remove min"),
    "categories of masks": (
        {"type": "string", "categories": ["a"], "pii": {"method": "mask"}},
        "remove categories",
    ),
    "a text by a step": (
        {"type": "string", "pii": {"method": "generalise", "step": 1.0}},
        "a text by `keep`",
    ),
    "two ways": ({"type": "string", "pii": {"method": "generalise", "keep": 1, "step": 1.0}}, "exactly one"),
}


@pytest.mark.parametrize(("column", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_could_not_work_is_refused_in_the_declaration(column, said):
    with pytest.raises(ValidationError, match=said):
        Column.model_validate(column)


@pytest.mark.parametrize(
    ("column", "pii", "said"),
    [
        ("placed", {"method": "hash"}, "source.event_time needs the column in clear"),
        ("late", {"method": "drop"}, "labels.column needs the column in clear"),
        ("order", {"method": "drop"}, "which `pii` drops before rules see it"),
    ],
)
def test_columns_that_the_lifecycle_needs_stay_in_clear(column, pii, said):
    columns = use_case().contract.model_dump()["columns"]
    columns[column] |= {"min": None, "max": None, "pii": pii}
    with pytest.raises(ValidationError, match=said):
        use_case(contract={"columns": columns})


PERSONAL = {
    "e-mail": [f"ann.{number}@example.org" for number in range(10)],
    "e-mail in prose": ["ask ann@example.org or bob", *["call back tomorrow"] * 9],
    "an IBAN": ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19"] * 5,
    "a card": ["4111111111111111", "5500-0000-0000-0004"] * 5,
    "a phone": ["+49 30 901820", "+12127363100"] * 5,
}
HARMLESS = {
    "words": ["late", "on time"] * 50,
    "tail numbers": [f"N{number}AA" for number in range(100, 300)],
    "one address of many": ["x@y.de", *["fine"] * 4999],
    "a single row": ["ann@example.org"],
    "dates": [f"2024-03-{day:02d} 10:00" for day in range(1, 29)],
    "amounts": [f"{number}.50 EUR" for number in range(1000)],
    "nothing": [],
}


@pytest.mark.parametrize("values", PERSONAL.values(), ids=PERSONAL)
def test_personal_data_are_recognised_and_never_shown(values):
    said = looks_like(values * 3, None)
    assert said
    assert not any(value in said for value in values)


@pytest.mark.parametrize("values", HARMLESS.values(), ids=HARMLESS)
def test_what_is_harmless_is_left_alone(values):
    assert looks_like(values, "US") == ""


def test_random_numbers_and_texts_are_no_cards_and_ibans():
    """A tenth of all numbers has a valid Luhn digit, one text in 97 valid check digits of an IBAN."""
    source = np.random.default_rng(1)
    named = 0
    for _ in range(50):
        numbers = source.integers(10**15, 10**16, 200).astype(str).tolist()
        named += bool(looks_like(numbers, None)) + bool(
            looks_like([f"DE{number}" for number in numbers], None)
        )
    assert named <= 1


def test_a_number_without_plus_is_a_phone_only_of_a_declared_country():
    numbers = ["(212) 736-3100", "212-736-5000"] * 10
    assert looks_like(numbers, None) == ""
    assert "a phone number" in looks_like(numbers, "US")


def test_only_undeclared_columns_are_looked_at_and_a_person_has_the_last_word(tmp_path):
    columns = {
        "a": {"type": "string"},
        "b": {"type": "string", "pii": {"method": "mask"}},
        "c": {"type": "string"},
    }
    contract = Contract.model_validate({"columns": columns})
    mails = [f"ann{number}@example.org" for number in range(5000)]
    staged = write_staged("batch", pa.table({"a": mails, "b": mails, "c": mails}), tmp_path)
    found = undeclared(staged, contract, Privacy(undeclared="refuse", not_personal=["c"], sample_rows=100))
    assert [(fault.rule, fault.severity) for fault in found] == [("a.personal", "refuse")]
    assert "100 of the 100 values looked at look like an e-mail address" in found[0].detail
    assert undeclared(staged, contract, Privacy(undeclared="ignore")) == []


def test_the_shape_of_a_value_is_all_that_is_shown():
    assert hidden("Ann.Lee@example.org +1 212") == "xxx.xxx@xxxxxxx.xxx +9 999"
