"""Features of history: against a slow reference that reads, for each row, only what was knowable then."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import partitions
from include.errors import UseCaseError
from include.feature_sets import FeatureSet
from include.features.building import build_features
from include.features.history import daily_aggregates, entity_values, unseen, wanted_of
from include.hashing import hash_rows

FIRST = "2013-01-05"
DAYS = [partitions.shift(FIRST, number) for number in range(6)]
ABOVE, DELAY_DAYS = 15.0, 1

# Quarters add up without rounding, so the reference may add in any order.
quarters = st.none() | st.integers(-8, 160).map(lambda number: number / 4)
row = st.fixed_dictionaries(
    {
        "partition": st.sampled_from(DAYS),
        "station": st.sampled_from(["JFK", "LGA", "EWR", None]),
        "seats": st.integers(0, 3).map(float),
        "delay": quarters,
        "late_days": st.integers(0, 4),
    }
)
batches = st.lists(row, min_size=1, max_size=30)
declaration = st.fixed_dictionaries(
    {
        "by": st.sampled_from([("station",), ("station", "seats"), ("seats",)]),
        "window_days": st.integers(1, 6),
        "lead_days": st.integers(0, 2),
        "min_values": st.integers(1, 3),
        "said": st.sampled_from(
            [("count", ""), ("mean", "label"), ("sum", "delay"), ("mean", "seats"), ("sum", "label")]
        ),
    }
)
declarations = st.lists(declaration, min_size=1, max_size=4)


def declared(declarations):
    features = FeatureSet()
    for number, one in enumerate(declarations):
        measure, value = one["said"]
        rest = {name: one[name] for name in one if name != "said"}
        features.history(
            name=f"x{number}", kind="number", description="x", measure=measure, value=value, **rest
        )
    return features


def frame(rows):
    found = pd.DataFrame(rows, columns=["partition", "station", "seats", "delay", "late_days"])
    found["trip"] = range(len(found))
    found["leaves"] = found["partition"] + "T12:00:00-05:00"
    found["delay"] = found["delay"].astype("float64")
    found["known_at"] = [
        partitions.available_at(day) + timedelta(days=late)
        for day, late in zip(found["partition"], found.pop("late_days"), strict=True)
    ]
    return found


def built(trips, features, rows, past=None):
    """Build rows from the daily sums of all rows, or of some past."""
    sums = daily_aggregates(trips, wanted_of(features.of_history), rows if past is None else past)
    return build_features(trips, features, rows, {}, sums).rows


def slow(feature, rows, of):
    """Return the value of one row from all rows, reading only what was known on its own date."""
    day = partitions.parse(of["partition"])
    if any(pd.isna(of[name]) for name in feature.by):
        return None
    known = []
    for other in rows.to_dict("records"):
        age = (day - partitions.parse(other["partition"])).days
        if not 1 <= age <= feature.window_days or any(other[name] != of[name] for name in feature.by):
            continue
        seen = other["known_at"]
        value = (
            0.0
            if feature.measure == "count"
            else other["delay" if feature.value == "label" else feature.value]
        )
        if feature.value in {"label", "delay"}:
            seen = max(seen, partitions.parse(other["partition"]) + timedelta(days=DELAY_DAYS))
        if seen + timedelta(days=feature.lead_days) <= day and not pd.isna(value):
            known.append(float(value > ABOVE) if feature.value == "label" else value)
    if feature.measure == "count":
        return float(len(known))
    if len(known) < feature.min_values:
        return None
    return sum(known) / (len(known) if feature.measure == "mean" else 1)


def values(found, name):
    return [None if pd.isna(value) else value for value in found.sort_values("row_key")[name]]


@given(batches, declarations)
@settings(deadline=None)
def test_a_build_agrees_with_a_slow_one(trips, rows, declarations):
    features, rows = declared(declarations), frame(rows)
    found = built(trips, features, rows)
    keyed = rows.assign(row_key=rows["trip"].astype(str) + "|" + rows["station"].fillna(""))
    for feature in features.of_history:
        expected = [slow(feature, rows, of) for of in keyed.sort_values("row_key").to_dict("records")]
        assert values(found, feature.name) == expected


@given(batches, declarations, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_days_apart_in_any_order_give_the_bits_of_a_range(trips, rows, declarations, random):
    features, rows = declared(declarations), frame(rows)
    # Values that do not add up exactly show whether the order of adding is kept.
    rows["delay"] = rows["delay"] / 7
    together = built(trips, features, rows)
    days = sorted(set(rows["partition"]))
    random.shuffle(days)
    sums = pd.concat(
        daily_aggregates(
            trips,
            wanted_of(features.of_history),
            rows[rows["partition"] == day].sample(frac=1, random_state=random.randint(0, 99)),
        )
        for day in days
    )
    for day in days:
        own = rows[rows["partition"] == day]
        alone = build_features(trips, features, own.sample(frac=1, random_state=1), {}, sums).rows
        expected = together[together["partition"] == day].reset_index(drop=True)
        assert hash_rows(alone) == hash_rows(expected)


@given(batches, batches, declarations, st.sampled_from(DAYS))
@settings(deadline=None, max_examples=40)
def test_what_is_known_later_changes_nothing(trips, rows, planted, declarations, day):
    """Rows of later partitions, rows that became known later, and the day's own outcomes."""
    features, rows = declared(declarations), frame(rows)
    future = frame(planted)
    of_later_days = future["partition"] >= day
    future.loc[~of_later_days, "known_at"] = partitions.parse(day) + timedelta(days=1)
    own = rows[rows["partition"] == day]
    before = built(trips, features, own, rows)
    noisy = own.assign(delay=own["delay"].fillna(0.0) + 99.0)
    after = built(trips, features, noisy, pd.concat([rows[rows["partition"] != day], noisy, future]))
    pd.testing.assert_frame_equal(before, after)


@given(batches, declarations)
@settings(deadline=None, max_examples=25)
def test_what_requests_look_up_is_what_batches_got(trips, rows, declarations):
    features, rows = declared(declarations), frame(rows)
    sums, found = daily_aggregates(trips, wanted_of(features.of_history), rows), built(trips, features, rows)
    from include.features.entities import entity_of

    typed = rows.assign(row_key=rows["trip"].astype(str) + "|" + rows["station"].fillna(""))
    by_key = found.set_index("row_key")
    for of in typed.to_dict("records"):
        state = entity_values(features.of_history, sums, of["partition"])
        for feature in features.of_history:
            entity = entity_of([of[name] for name in feature.by])
            table = state[feature.by][feature.name]
            value = np.nan if entity is None else table.get(entity, unseen(feature))
            np.testing.assert_equal(value, by_key[feature.name][of["row_key"]])


EDGES = {
    "an entity never seen has a count of nothing": (("count", ""), "EWR", 0.0),
    "and no mean": (("mean", "label"), "EWR", None),
    "one that was seen": (("count", ""), "JFK", 2.0),
    "a share of what is known": (("mean", "label"), "JFK", 0.5),
    "nobody": (("count", ""), None, None),
}


@pytest.mark.parametrize(("said", "station", "expected"), EDGES.values(), ids=EDGES)
def test_edges(trips, said, station, expected):
    one = {"by": ("station",), "window_days": 7, "lead_days": 0, "min_values": 1, "said": said}
    of = {"seats": 1.0, "late_days": 0}
    past = frame(
        [
            {"partition": DAYS[0], "station": "JFK", "delay": 16.0, **of},
            {"partition": DAYS[1], "station": "JFK", "delay": 15.0, **of},
            {
                "partition": DAYS[4],
                "station": station,
                "delay": None,
                **of,
            },  # two days without rows before it
        ]
    )
    found = built(trips, declared([one]), past)
    assert values(found, "x0")[-1] == expected


def test_without_its_past_nothing_is_built(trips):
    one = {"by": ("station",), "window_days": 7, "lead_days": 0, "min_values": 1, "said": ("count", "")}
    rows = frame([{"partition": DAYS[0], "station": "JFK", "seats": 1.0, "delay": None, "late_days": 0}])
    with pytest.raises(UseCaseError, match=r"\['x0'\] follow the past; pass `aggregates`"):
        build_features(trips, declared([one]), rows, {})


def test_the_sums_of_a_day_are_kept_apart_by_the_day_of_knowledge(trips):
    one = {"by": ("station",), "window_days": 1, "lead_days": 0, "min_values": 1, "said": ("sum", "seats")}
    of = {"partition": DAYS[0], "station": "JFK", "delay": None}
    rows = frame([{"seats": 1.0, "late_days": 0, **of}, {"seats": 2.0, "late_days": 3, **of}])
    sums = daily_aggregates(trips, wanted_of(declared([one]).of_history), rows)
    assert sums[["entity", "known_at", "count", "total"]].to_numpy().tolist() == [
        ['["JFK"]', date(2013, 1, 6), 1, 1.0],
        ['["JFK"]', date(2013, 1, 9), 1, 2.0],
    ]
