"""What is found wrong with definitions when they are called: by row, by clock, by chance, by company."""

import time

import numpy as np
import pandas as pd
import pytest

from include.errors import UseCaseError
from include.feature_sets import FeatureSet
from include.features.building import build_features

ROWS = 500


def trips_of(rows=ROWS, **columns):
    leaves = pd.date_range("2013-01-09T05:00:00Z", periods=rows, freq="min").map(pd.Timestamp.isoformat)
    found = pd.DataFrame({"trip": range(rows), "leaves": leaves, "station": "JFK", "seats": 100.0})
    return found.assign(partition="2013-01-09", known_at=pd.Timestamp("2013-01-10").date(), **columns)


def built(trips, build, rows, **options):
    features = FeatureSet()
    build.__name__ = "x"
    declared = {"kind": "number", "inputs": ["seats"], "description": "none"} | options
    features.row(**declared)(build)
    return build_features(trips, features, rows, {}).rows


def raising(rows):
    return rows["seats"].map(lambda seats: 1 / (seats - 37))


@pytest.mark.parametrize("place", [0, 211, ROWS - 1])
def test_a_definition_that_raises_on_one_row_names_the_row(trips, place):
    seats = np.full(ROWS, 100.0)
    seats[place] = 37
    rows = trips_of().assign(seats=seats)
    with pytest.raises(
        UseCaseError, match=rf"'x' fails on row '{place}\|JFK' of 2013-01-09: ZeroDivisionError"
    ):
        built(trips, raising, rows)


def clock(rows):
    return rows["seats"] + time.perf_counter()


def chance(rows):
    return rows["seats"] + np.random.default_rng().random(len(rows))


FAULTS = {
    "the clock": (clock, {}, "reads the clock or random numbers"),
    "chance": (chance, {}, "reads the clock or random numbers"),
    "the clock of a day": (
        clock,
        {"scope": "batch", "online": "may_be_missing"},
        "reads the clock or random numbers",
    ),
    "its company": (lambda rows: rows["seats"] - rows["seats"].mean(), {}, "when other rows stand beside it"),
    "its place": (
        lambda rows: pd.Series(np.arange(len(rows), dtype=float), rows.index),
        {},
        "when other rows stand beside it",
    ),
}


@pytest.mark.parametrize(("build", "options", "message"), FAULTS.values(), ids=FAULTS)
def test_a_definition_that_depends_on_more_than_its_row_is_found(trips, build, options, message):
    seats = np.random.default_rng(3).normal(100, 9, ROWS)
    with pytest.raises(UseCaseError, match=message):
        built(trips, build, trips_of().assign(seats=seats), **options)


def test_a_definition_of_a_whole_day_may_compare_its_rows(trips):
    rows = trips_of(4).assign(seats=[1.0, 2.0, 3.0, 6.0])
    found = built(
        trips,
        lambda rows: rows["seats"] - rows["seats"].mean(),
        rows,
        scope="batch",
        online="may_be_missing",
    )
    assert found["x"].tolist() == [-2.0, -1.0, 0.0, 3.0]


def test_it_compares_the_rows_of_one_day_only_when_many_are_built(trips):
    both = pd.concat(
        [
            trips_of(2).assign(seats=[1.0, 3.0]),
            trips_of(2).assign(
                seats=[10.0, 30.0],
                partition="2013-01-10",
                leaves=["2013-01-10T05:00:00+00:00", "2013-01-10T05:01:00+00:00"],
            ),
        ]
    )
    found = built(
        trips,
        lambda rows: rows["seats"] - rows["seats"].mean(),
        both,
        scope="batch",
        online="may_be_missing",
    )
    assert found["x"].tolist() == [-1.0, 1.0, -10.0, 10.0]


def test_a_day_without_rows_has_the_columns_of_any_other(trips):
    found = built(trips, lambda rows: rows["seats"], trips_of(2).head(0))
    assert (len(found), "x" in found) == (0, True)


@pytest.mark.parametrize("rows", [1, 2])
def test_few_rows_are_enough(trips, rows):
    assert built(trips, lambda rows: rows["seats"] * 2, trips_of(rows))["x"].tolist() == [200.0] * rows
