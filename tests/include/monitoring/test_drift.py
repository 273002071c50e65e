"""Drift of a partition: few marks on a stream that does not move, and none without ground."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from include import partitions
from include.decisions import Verdict
from include.monitoring.drift import ColumnDrift, DriftEvidence, check, days_needed, drift_rank, evidence_of
from include.stats.profile import profile_frame
from include.use_case_sections import Drift

POLICY = Drift(trailing_days=14, gap_days=2, min_history=20, max_history=20, comparable="all_days")
START = "2013-01-01"
ROWS = 150
BASE = {"wind": "number", "delay": "number", "carrier": "category"}


def rows_of_day(random, rows=ROWS):
    return pd.DataFrame(
        {
            "wind": random.normal(20, 5, rows),
            "delay": random.exponential(10, rows),
            "carrier": random.choice(["UA", "B6", "EV"], rows, p=[0.5, 0.3, 0.2]),
        }
    )


def profile(rows, day, kinds=None):
    kinds = BASE if kinds is None else kinds
    numbers = [name for name, kind in kinds.items() if kind == "number"]
    categories = [name for name, kind in kinds.items() if kind == "category"]
    return profile_frame(rows, numbers=numbers, categories=categories).assign(partition=day)


def day_of(index):
    return partitions.shift(START, index)


def stream(days, seed=0, change=lambda _index, rows: rows):
    """Return the profiles of a stream; `change` alters the rows of a day."""
    random = np.random.default_rng(seed)
    return [profile(change(index, rows_of_day(random)), day_of(index)) for index in range(days)]


def drift_evidence(profiles, day, policy, known_days=()):
    return evidence_of(drift_rank(profiles, day, policy, known_days), known_day=day in known_days)


def judged(profiles, index, policy=POLICY):
    """Judge a day by the profiles that the stage would read for it."""
    first = max(index - days_needed(policy), 0)
    evidence = drift_evidence(pd.concat(profiles[first : index + 1]), day_of(index), policy)
    return evidence, check(evidence, policy)


def verdicts(profiles, days, policy=POLICY):
    return [judged(profiles, index, policy)[1].verdict for index in days]


NEEDED = days_needed(POLICY)

# How often it marks


def test_marks_on_a_stream_that_does_not_move_are_as_rare_as_promised():
    """Alpha is 1/21; 200 days, whose windows overlap, may miss it by a little."""
    profiles = stream(NEEDED + 200, seed=5)
    found = verdicts(profiles, range(NEEDED, NEEDED + 200))
    marked = found.count(Verdict.WARN) / len(found)
    assert set(found) == {Verdict.PASS, Verdict.WARN}
    assert POLICY.alpha / 3 < marked < 2 * POLICY.alpha


def test_the_evidence_says_what_could_have_been_seen():
    """A distance above what is told marks the day, one below does not: the columns of one day agree."""
    for seed in range(8):
        profiles = stream(NEEDED + 1, seed=seed, change=lambda i, r: shifted(r) if i == NEEDED else r)
        profiles = stream(NEEDED + 1, seed=seed) if seed % 2 else profiles
        evidence, ruling = judged(profiles, NEEDED)
        beyond = [name for name, one in evidence.columns.items() if one.distance > one.marked_from]
        assert bool(beyond) == (ruling.verdict is Verdict.WARN)
        assert f"seen from {next(iter(evidence.columns.values())).marked_from:.3f}" in ruling.reasons[0]


def shifted(rows):
    return rows.assign(wind=rows["wind"] + 10)


def exchanged(rows):
    return rows.assign(carrier=rows["carrier"].replace({"UA": "B6", "B6": "UA"}))


def with_nulls(rows):
    return rows.assign(delay=rows["delay"].mask(rows.index % 10 == 0))


CHANGES = {
    "a shift": (shifted, "wind"),
    "shares": (exchanged, "carrier"),
    "nulls": (with_nulls, "delay (nulls)"),
}


@pytest.mark.parametrize(("change", "column"), CHANGES.values(), ids=CHANGES)
def test_a_strong_change_is_marked_and_named(change, column):
    for seed in range(5):
        profiles = stream(NEEDED + 1, seed, lambda index, rows: change(rows) if index == NEEDED else rows)
        evidence, ruling = judged(profiles, NEEDED)
        assert ruling.verdict is Verdict.WARN
        assert next(iter(evidence.columns)) == column
        assert f"{column} moved " in ruling.reasons[0]
        assert evidence.p_value == pytest.approx(1 / 21)


def test_a_change_that_stays_does_not_hide_itself_at_once():
    """The newest days are left out of the comparison, so the first days after a change all show it."""
    policy = POLICY.model_copy(update={"trailing_days": 7, "gap_days": 7})
    needed = days_needed(policy)
    profiles = stream(needed + 8, 1, lambda index, rows: shifted(rows) if index >= needed else rows)
    assert verdicts(profiles, range(needed, needed + 8), policy) == [Verdict.WARN] * 8


def test_the_most_surprising_column_makes_the_magnitude():
    profiles = stream(NEEDED + 1, 2, lambda index, rows: shifted(rows) if index == NEEDED else rows)
    evidence, _ = judged(profiles, NEEDED)
    surprises = [moved.surprise for moved in evidence.columns.values()]
    assert evidence.magnitude == evidence.columns["wind"].surprise == surprises[0] > 3
    assert surprises == sorted(surprises, reverse=True)
    assert all(surprise < evidence.magnitude / 2 for surprise in surprises[1:])
    assert evidence.columns["wind"].distance == pytest.approx(2, abs=0.4)
    assert evidence.columns["wind"].usual < 0.2


# What it rests on


def test_no_more_than_the_needed_days_matter():
    """Whatever lies further back: the same evidence, to the last digit."""
    profiles = stream(NEEDED + 60, 3)
    index = NEEDED + 59
    everything = drift_evidence(pd.concat(profiles), day_of(index), POLICY)
    assert judged(profiles, index)[0] == everything
    less = drift_evidence(pd.concat(profiles[index - NEEDED + POLICY.trailing_days :]), day_of(index), POLICY)
    assert less != everything


def test_the_needed_days_do_not_grow_with_the_history():
    assert days_needed(Drift()) == 28 + 90 + 2 * 7
    assert NEEDED == 14 + 20 + 2 * 2


def test_the_first_days_are_undecided_until_there_is_history():
    profiles = stream(NEEDED + 1, 4)
    fewest = 14 + 2 * POLICY.gap_days + POLICY.min_history
    for index in range(fewest):
        evidence, ruling = judged(profiles, index)
        assert (evidence.magnitude, evidence.p_value) == (None, None)
        assert ruling.verdict is Verdict.UNDECIDED
    assert ruling.reasons == ["19 earlier days to compare with, needed 20"]
    assert judged(profiles, fewest)[1].verdict is not Verdict.UNDECIDED


def test_a_day_without_a_profile_is_undecided():
    profiles = stream(NEEDED + 1, 4)
    evidence = drift_evidence(pd.concat(profiles[:-1]), day_of(NEEDED), POLICY)
    assert check(evidence, POLICY).verdict is Verdict.UNDECIDED


# Odd days and odd columns

RANDOM = np.random.default_rng(9)
LAST = NEEDED


def on_the_last_day(**values):
    return lambda index, rows: rows.assign(**values) if index == LAST else rows


def always(**values):
    return lambda _index, rows: rows.assign(**values)


HARMLESS = {
    "a constant": always(wind=5.0),
    "a column that never had a value": always(wind=np.nan),
    "a category that never had a value": always(carrier=None),
    "one category only": always(carrier="UA"),
    "another category each day": lambda index, rows: rows.assign(carrier=f"carrier {index}"),
    "a new category in one row": lambda index, rows: (
        rows.assign(carrier=rows["carrier"].where(rows.index > 0, "??")) if index == LAST else rows
    ),
    "a value far outside in one row of many days": lambda index, rows: rows.assign(
        wind=rows["wind"].where(rows.index > 0, 1e6 * (1 + index % 7))
    ),
}
MARKED = {
    "a constant that moves": lambda index, rows: rows.assign(wind=6.0 if index == LAST else 5.0),
    "no value any more": on_the_last_day(wind=np.nan),
    "the first values ever": lambda index, rows: rows if index == LAST else rows.assign(wind=np.nan),
    "no category any more": on_the_last_day(carrier=None),
    "new categories only": on_the_last_day(carrier="??"),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_no_mark_without_ground(change):
    evidence, ruling = judged(stream(NEEDED + 1, 6, change), NEEDED)
    assert judged(stream(NEEDED + 1, 6), NEEDED)[1].verdict is Verdict.PASS
    assert ruling.verdict is Verdict.PASS
    assert all(math.isfinite(moved.surprise) for moved in evidence.columns.values())


@pytest.mark.parametrize("change", MARKED.values(), ids=MARKED)
def test_what_was_never_seen_is_marked(change):
    evidence, ruling = judged(stream(NEEDED + 1, 6, change), NEEDED)
    assert ruling.verdict is Verdict.WARN
    assert math.isfinite(evidence.magnitude)
    json.dumps(evidence.model_dump(), allow_nan=False)


def test_missing_days_are_passed_over():
    profiles = stream(NEEDED + 1, 6)
    gaps = [found for index, found in enumerate(profiles) if index % 9 != 4 or index == NEEDED]
    policy = POLICY.model_copy(update={"min_history": 15})
    evidence = drift_evidence(pd.concat(gaps), day_of(NEEDED), policy)
    assert evidence.history >= 15
    assert check(evidence, policy).verdict is Verdict.PASS


def test_a_column_that_comes_or_goes_is_judged_where_it_is():
    kinds = {name: kind for name, kind in BASE.items() if name != "wind"}
    random = np.random.default_rng(6)
    without = profile(rows_of_day(random), day_of(NEEDED), kinds)
    gone, _ = judged([*stream(NEEDED, 6), without], NEEDED)
    assert {name.removesuffix(" (nulls)") for name in gone.columns} == set(kinds)
    earlier = [found[found["column"] != "wind"] for found in stream(NEEDED, 6)]
    come, ruling = judged([*earlier, stream(NEEDED + 1, 6)[-1]], NEEDED)
    assert {name.removesuffix(" (nulls)") for name in come.columns} == set(kinds)
    assert ruling.verdict is Verdict.PASS


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tiny_days_have_a_verdict(rows):
    """A day without rows has no figures, so nothing can be said of it."""
    tiny = profile(rows_of_day(RANDOM).head(rows), day_of(NEEDED))
    evidence, ruling = judged([*stream(NEEDED, 6), tiny], NEEDED)
    assert (ruling.verdict is Verdict.UNDECIDED) == (rows == 0)
    json.dumps(evidence.model_dump(), allow_nan=False)


def test_a_tiny_day_in_the_history_hides_nothing_for_long():
    profiles = stream(NEEDED + 1, 6, lambda index, rows: shifted(rows) if index == NEEDED else rows)
    profiles[NEEDED - 5] = profile(rows_of_day(RANDOM).head(0), day_of(NEEDED - 5))
    policy = POLICY.model_copy(update={"min_history": 19, "alpha": 0.05})
    assert judged(profiles, NEEDED, policy)[1].verdict is Verdict.WARN


# Comparable days


def with_quiet_weekends(index, rows):
    weekend = partitions.parse(day_of(index)).weekday() >= 5
    return rows.assign(carrier=rows["carrier"].where(rows.index % 4 == 0, "UA")) if weekend else rows


def test_a_weekend_is_compared_with_weekends():
    """A Saturday like every Saturday is no news; one like a working day is."""
    kinds = POLICY.model_copy(update={"comparable": "workdays_apart", "trailing_days": 28})
    needed = days_needed(kinds)
    saturday = next(day for day in range(needed, needed + 7) if partitions.parse(day_of(day)).weekday() == 5)
    usual = stream(saturday + 1, 3, with_quiet_weekends)
    assert judged(usual, saturday, kinds)[1].verdict is Verdict.PASS
    busy = stream(saturday + 1, 3, lambda i, rows: rows if i == saturday else with_quiet_weekends(i, rows))
    evidence, ruling = judged(busy, saturday, kinds)
    assert ruling.verdict is Verdict.WARN
    assert next(iter(evidence.columns)) == "carrier"


def test_known_days_are_neither_judged_nor_compared_with():
    strange = {day_of(NEEDED - 6), day_of(NEEDED - 12)}
    profiles = stream(NEEDED + 1, 2, lambda index, rows: shifted(rows) if day_of(index) in strange else rows)
    policy = POLICY.model_copy(update={"min_history": 15})
    known = drift_rank(pd.concat(profiles), day_of(NEEDED), policy, strange)
    assert not strange & set(known.past)
    assert max(known.past.values()) < max(
        drift_rank(pd.concat(profiles), day_of(NEEDED), policy).past.values()
    )
    evidence = drift_evidence(pd.concat(profiles), day_of(NEEDED), policy, {day_of(NEEDED)})
    assert check(evidence, policy).verdict is Verdict.UNDECIDED


GATE = {
    "unusual": ({"p_value": 0.04}, "warn", "p = 0.040 among 30 days; wind moved 0.500, usually 0.100"),
    "exactly alpha": ({"p_value": 0.05}, "warn", "p = 0.050"),
    "usual": ({"p_value": 0.06}, "pass", "p = 0.060 among 30 days"),
    "too little history": ({"history": 19}, "undecided", "19 earlier days to compare with, needed 20"),
    "no magnitude": ({"magnitude": None}, "undecided", "30 earlier days"),
    "a known day": ({"known_day": True}, "undecided", "a day of monitoring.known_days"),
    "no p-value": ({"p_value": None}, "undecided", "30 earlier days"),
}


@pytest.mark.parametrize(("changes", "verdict", "reason"), GATE.values(), ids=GATE)
def test_verdicts(changes, verdict, reason):
    surprises = {"wind": 9.0, "carrier": 3.0, "delay": 1.0, "hour": 0.5}
    columns = {
        name: ColumnDrift(distance=0.5, usual=0.1, surprise=found) for name, found in surprises.items()
    }
    evidence = DriftEvidence(magnitude=9.0, columns=columns, history=30, p_value=0.04)
    ruling = check(evidence.model_copy(update=changes), Drift(alpha=0.05, min_history=20))
    assert ruling.verdict.value == verdict
    assert reason in ruling.reasons[0]
    assert "hour" not in ruling.reasons[0]
    assert ruling.error_rate == 0.05


def test_a_column_that_stayed_where_it_was_is_not_named():
    stayed = {"wind (nulls)": ColumnDrift(distance=0.0, usual=0.0, surprise=0.0)}
    moved = {"wind": ColumnDrift(distance=0.1, usual=0.2, surprise=-0.8)}
    for columns, named in ((stayed | moved, "wind moved 0.100, usually 0.200"), (stayed, "no column moved")):
        evidence = DriftEvidence(magnitude=0.0, columns=columns, history=30, p_value=1.0)
        assert check(evidence, Drift()).reasons == [f"p = 1.000 among 30 days; {named}"]
