"""Hashes name configuration, data and decisions: one value has one hash, other values have others."""

import hashlib
import json
import math

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.hashing import canonical_json, digest, digest_bytes, digest_file, hash_rows

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


class Point(pydantic.BaseModel):
    x: float
    y: float = 2.0


@given(VALUES)
@settings(deadline=None)
def test_canonical_json_is_json_and_spells_itself_alike(value):
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text
    assert text.isascii()


@given(st.dictionaries(st.text(), SCALARS))
@settings(deadline=None)
def test_the_order_of_keys_does_not_count(value):
    assert canonical_json(dict(reversed(list(value.items())))) == canonical_json(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [1.5, None, True]}, '{"a":[1.5,null,true],"b":1}'),
        ((1, "é"), '[1,"\\u00e9"]'),
        ({"nan": math.nan, "inf": [math.inf, -math.inf]}, '{"inf":[null,null],"nan":null}'),
        ({1: "one"}, '{"1":"one"}'),
        (Point(x=1), '{"x":1.0,"y":2.0}'),
        ({"point": [Point(x=math.inf)]}, '{"point":[{"x":null,"y":2.0}]}'),
    ],
    ids=["sorted", "tuple and sign", "not finite", "key of a number", "model", "model inside"],
)
def test_canonical_json(value, text):
    assert canonical_json(value) == text
    assert digest(value) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes"], ids=["set", "object", "bytes"])
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises(TypeError):
        digest(value)


@given(st.binary(max_size=2000))
@settings(deadline=None, max_examples=30)
def test_a_file_hashes_as_its_bytes(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("hash") / "file"
    path.write_bytes(content)
    assert digest_file(path) == digest_bytes(content) == hashlib.sha256(content).hexdigest()


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, np.nan]})


@pytest.mark.parametrize(
    "other",
    [
        FRAME.iloc[::-1],
        FRAME.rename(columns={"a": "d"}),
        FRAME.assign(a=[1, 3]),
        FRAME.assign(a=[1.0, 2.0]),
        FRAME.assign(b=["x", "None"]),
        FRAME.assign(b=["x", ""]),
        FRAME.assign(c=[1.5, 0.0]),
        FRAME.assign(a=FRAME["b"], b=FRAME["a"]),
        FRAME.head(1),
        FRAME.head(0),
        FRAME.drop(columns="c"),
    ],
    ids=[
        "order of rows",
        "name",
        "value",
        "type",
        "null and its name",
        "null and empty",
        "nan and zero",
        "columns exchanged",
        "fewer rows",
        "no rows",
        "fewer columns",
    ],
)
def test_rows_that_differ_hash_differently(other):
    assert hash_rows(other) != hash_rows(FRAME)


def test_nothings_of_different_types_hash_differently():
    nothings = [pd.DataFrame({"a": [nothing]}) for nothing in (0, 0.0, False)]
    nothings += [frame.head(0) for frame in nothings]
    assert len({hash_rows(frame) for frame in nothings}) == 6


def test_rows_that_are_the_same_hash_alike():
    elsewhere = FRAME.set_axis([7, 9])[["c", "a", "b"]]
    assert hash_rows(elsewhere) == hash_rows(FRAME.copy())
    assert hash_rows(FRAME, salt="rules") != hash_rows(FRAME, salt="other rules")
