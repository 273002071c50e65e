"""Profiles of staged files: equal to those of a frame, exact where they say so, the same bytes each time."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.ingestion import profiling
from include.ingestion.profiling import profile
from include.ingestion.reading import frame_of
from include.ingestion.staged import write_staged
from include.stats.profile import OTHER, profile_frame
from include.use_case_sections import Contract

CONTRACT = Contract.model_validate(
    {
        "columns": {
            "few": {"type": "integer"},
            "many": {"type": "number"},
            "flag": {"type": "boolean"},
            "kind": {"type": "string"},
            "name": {"type": "string"},
            "time": {"type": "timestamp"},
        }
    }
)
ROWS = 30_000


@pytest.fixture(scope="module")
def rows():
    drawn = np.random.default_rng(7)
    numbers = drawn.normal(size=ROWS)
    numbers[:3] = [np.inf, -np.inf, numbers[5]]
    return pa.table(
        {
            "few": pa.array(drawn.integers(0, 50, ROWS), mask=drawn.random(ROWS) < 0.1),
            "many": pa.array(numbers, mask=drawn.random(ROWS) < 0.2),
            "flag": pa.array(drawn.random(ROWS) < 0.3, mask=drawn.random(ROWS) < 0.1),
            "kind": pa.array([f"k{number % 300}" if number % 7 else None for number in range(ROWS)]),
            "name": pa.array(["often" if number % 20 == 0 else f"n{number}" for number in range(ROWS)]),
            "time": pa.nulls(ROWS, pa.string()),
        }
    )


@pytest.fixture
def large(monkeypatch):
    """What a batch of millions of rows does, at a small size."""
    monkeypatch.setattr(profiling, "_SAMPLE", 5_000)
    monkeypatch.setattr(profiling, "_KEPT_HASHES", 8_192)


def test_a_large_file_is_profiled_as_a_frame_is(rows, large, tmp_path):
    found = profile(write_staged("batch", rows, tmp_path), CONTRACT, tmp_path).set_index("column")
    expected = profile_frame(
        frame_of(rows), numbers=["few", "many"], categories=["flag", "kind", "name"]
    ).set_index("column")
    exact = ["few", "many", "flag", "kind"]
    for name in ("quantiles",):
        for column in ("few", "many"):
            ours, theirs = (json.loads(frame.loc[column, name]) for frame in (found, expected))
            assert ours == pytest.approx(theirs, rel=1e-12)
    columns = ["kind", "count", "nulls", "distinct", "distinct_error", "min", "max", "categories"]
    pd.testing.assert_frame_equal(found.loc[exact, columns], expected.loc[exact, columns])
    for name in ("mean", "std"):
        assert found.loc[["few", "many"], name].tolist() == pytest.approx(expected[name].dropna().tolist())


def test_a_text_with_many_values_says_what_it_does_not_know(rows, large, tmp_path):
    found = profile(write_staged("batch", rows, tmp_path), CONTRACT, tmp_path).set_index("column").loc["name"]
    assert json.loads(found["categories"]) == {"often": ROWS // 20, OTHER: ROWS - ROWS // 20}
    true = ROWS - ROWS // 20 + 1
    assert 0 < found["distinct_error"] < 0.02
    assert abs(found["distinct"] / true - 1) < 4 * found["distinct_error"]


@pytest.mark.parametrize("size", [ROWS, 1000])
def test_the_same_rows_give_the_same_bytes(rows, large, tmp_path, size):
    staged = write_staged("batch", rows.slice(0, size), tmp_path)
    one, two = (profile(staged, CONTRACT, tmp_path) for _ in range(2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_no_rows(tmp_path):
    empty = pa.table({name: pa.nulls(0, pa.string()) for name in CONTRACT.columns})
    found = profile(write_staged("batch", empty, tmp_path), CONTRACT, tmp_path)
    assert found["count"].tolist() == [0] * 5
