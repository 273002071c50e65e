"""Side tables that say two things at once or leave their zone out: a verdict each, with the place."""

import pandas as pd
import pytest

from include.feature_sets import FeatureSet
from include.features.faults import table_faults

DAY, BEFORE = "2013-01-09", "2013-01-08"


def rainy():
    features = FeatureSet()
    features.joined(
        name="rain",
        kind="number",
        table="weather",
        column="rain",
        by=("station",),
        time="measured",
        lead_minutes=60,
        tolerance_minutes=240,
        description="inches",
    )
    return features.joined_ones


def found(trips, rows, days=(DAY,)):
    side = pd.DataFrame(rows, columns=["partition", "station", "measured", "rain"])
    return table_faults(trips, rainy(), {"weather": side}, list(days))


SOUND = {
    "nothing": [],
    "one row each": [(DAY, "JFK", "2013-01-09T10:00:00Z", 1.0), (DAY, "LGA", "2013-01-09T10:00:00Z", 2.0)],
    "twice the same": [(DAY, "JFK", "2013-01-09T10:00:00Z", 1.0)] * 2,
    "offsets of every spelling": [
        (DAY, "JFK", "2013-01-09T10:00:00-05:00", 1.0),
        (DAY, "JFK", "2013-01-09 11:00:00+0000", 1.0),
        (DAY, "JFK", "2013-01-09T12:00:00+00", 1.0),
    ],
    "no time at all": [(DAY, "JFK", "in the morning", 1.0), (DAY, "JFK", None, 2.0)],
}


@pytest.mark.parametrize("rows", SOUND.values(), ids=SOUND)
def test_a_sound_table_has_no_fault(trips, rows):
    assert found(trips, rows) == {}


FAULTY = {
    "two values at one time": (
        [(DAY, "JFK", "2013-01-09T10:00:00Z", 1.0), (DAY, "JFK", "2013-01-09T05:00:00-05:00", 2.0)],
        "side table weather says different things at 1 times on 2013-01-09, such as station=JFK",
    ),
    "a value and none": (
        [(DAY, "JFK", "2013-01-09T10:00:00Z", 1.0), (DAY, "JFK", "2013-01-09T10:00:00Z", None)],
        "says different things at 1 times",
    ),
    "no zone": (
        [(DAY, "JFK", "2013-01-09T10:00:00", 1.0)],
        "side table weather has 1 times without a zone on 2013-01-09, such as 2013-01-09T10:00:00; write "
        "measured with its offset",
    ),
}


@pytest.mark.parametrize(("rows", "message"), FAULTY.values(), ids=FAULTY)
def test_a_fault_is_named_with_its_place(trips, rows, message):
    [fault] = found(trips, rows)[DAY]
    assert message in fault


def test_a_fault_concerns_the_days_that_look_there(trips):
    rows = [(BEFORE, "JFK", "2013-01-08T10:00:00", 1.0)]
    days = [BEFORE, DAY, "2013-01-10"]
    assert sorted(found(trips, rows, days)) == [BEFORE, DAY]
