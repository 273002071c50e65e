"""Training sets: which days, which rows, and the same rows again later."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import partitions
from include.training_sets import read_labelled, window_of
from include.use_case_sections import Training

DAYS = ["2013-01-07", "2013-01-08", "2013-01-09"]


@st.composite
def rules(draw):
    holdout, embargo = draw(st.integers(1, 20)), draw(st.integers(0, 10))
    fewest = draw(st.integers(1, 10))
    window = holdout + embargo + fewest + draw(st.integers(0, 60))
    return Training(
        window_days=window, holdout_days=holdout, embargo_days=embargo, min_training_partitions=fewest
    )


@given(rules(), st.dates(date(2012, 12, 1), date(2013, 12, 31)))
@settings(deadline=None)
def test_the_newest_days_before_the_as_of_are_held_out(trips, rule, day):
    as_of = partitions.key_of(day)
    window = window_of(trips.model_copy(update={"training": rule}), as_of)
    used = [*window.train, *window.holdout]
    assert used == sorted(set(used))
    assert all(key < as_of for key in used)
    assert all(key >= "2013-01-01" for key in used)
    if not window.train:
        return
    assert window.holdout == partitions.span(partitions.shift(as_of, -rule.holdout_days), window.holdout[-1])
    assert window.holdout[-1] == partitions.shift(as_of, -1)
    gap = partitions.parse(window.holdout[0]) - partitions.parse(window.train[-1])
    assert gap == timedelta(days=rule.embargo_days + 1)
    first = partitions.shift(as_of, -rule.window_days)
    assert window.train == partitions.span(max(first, "2013-01-01"), window.train[-1])


WINDOWS = {
    "a full window": ("2013-03-01", {}, ("2013-02-19", "2013-02-25"), ("2013-02-26", "2013-02-28")),
    "with an embargo": (
        "2013-03-01",
        {"embargo_days": 2},
        ("2013-02-19", "2013-02-23"),
        ("2013-02-26", "2013-02-28"),
    ),
    "the data has just begun": ("2013-01-06", {}, ("2013-01-01", "2013-01-02"), ("2013-01-03", "2013-01-05")),
    "too early to learn": ("2013-01-03", {}, None, ("2013-01-01", "2013-01-02")),
    "before all data": ("2013-01-01", {}, None, None),
}


@pytest.mark.parametrize(("as_of", "changes", "train", "holdout"), WINDOWS.values(), ids=WINDOWS)
def test_windows(trips, as_of, changes, train, holdout):
    rule = Training(window_days=10, holdout_days=3, min_training_partitions=2, **changes)
    window = window_of(trips.model_copy(update={"training": rule}), as_of)
    assert window.train == (partitions.span(*train) if train else [])
    assert window.holdout == (partitions.span(*holdout) if holdout else [])


def write(workspace, day, trips_of_day, *, known=1, labels_known=1, seats=9.0, label=1):
    """Publish features and labels of a day by hand; `known` counts days after it."""
    rows = pd.DataFrame({"row_key": [str(trip) for trip in trips_of_day], "seats": seats})
    tables = {
        "features": (rows.assign(feature_set_version="v"), known),
        "labels": (rows[["row_key"]].assign(label=pd.array([label] * len(rows), dtype="Int8")), labels_known),
    }
    for table, (content, after) in tables.items():
        content["known_at"] = [
            partitions.parse(day) + timedelta(days=days)
            for days in ([after] * len(rows) if isinstance(after, int) else after)
        ]
        workspace.lake.write_partition(
            "trips", table, day, content, source_hash=str(seats), contract_hash="c"
        )


def keys(labelled):
    return sorted(zip(labelled.rows["partition"], labelled.rows["row_key"], strict=True))


def test_rows_and_labels_known_later_than_the_as_of_are_left_out(bare, trips):
    write(bare, DAYS[0], [1, 2, 3, 4], known=[1, 1, 5, 1], labels_known=[1, 5, 1, 4])
    found = {as_of: keys(read_labelled(trips, DAYS[:1], as_of, bare.lake)) for as_of in known_by()}
    assert found == {
        "2013-01-07": [],
        "2013-01-08": [(DAYS[0], "1")],
        "2013-01-11": [(DAYS[0], "1"), (DAYS[0], "4")],
        "2013-01-12": [(DAYS[0], name) for name in "1234"],
    }


def known_by():
    return ["2013-01-07", "2013-01-08", "2013-01-11", "2013-01-12"]


def test_a_correction_made_later_cannot_be_seen_before(featured, flying):
    """A real day lands again with one flight changed: this flight vanishes from earlier as-ofs, no other."""
    from include.features.stage import build
    from include.ingestion.stage import ingest

    file = featured.settings.home / "landing" / "flights" / "2013-01-09.parquet"
    rows = pd.read_parquet(file)
    before = read_labelled(flying, ["2013-01-09"], "2013-01-14", featured.lake)
    corrected = int(rows.index[rows["arr_delay"] < -20][0])
    rows.loc[corrected, "arr_delay"] = 400.0
    rows.to_parquet(file, index=False)
    ingest(flying, "2013-01-09", actor="tests", workspace=featured)
    build(flying, "2013-01-09", actor="tests", workspace=featured)
    after = read_labelled(flying, ["2013-01-09"], "2013-01-14", featured.lake)
    later = read_labelled(flying, ["2013-01-09"], "2013-01-21", featured.lake)
    assert len(after.rows) == len(before.rows) - 1
    gone = set(before.rows["row_key"]) - set(after.rows["row_key"])
    assert len(gone) == 1
    assert later.rows.set_index("row_key")["label"][gone.pop()] == 1
    kept = before.rows[before.rows["row_key"].isin(after.rows["row_key"])]
    columns = ["row_key", "carrier", "wind_speed", "label"]
    pd.testing.assert_frame_equal(
        kept[columns].reset_index(drop=True), after.rows[columns].reset_index(drop=True)
    )


def test_recorded_versions_give_the_same_rows_after_later_writes(bare, trips):
    for day in DAYS[:2]:
        write(bare, day, [1, 2, 3])
    first = read_labelled(trips, DAYS[:2], "2013-02-01", bare.lake)
    write(bare, DAYS[0], [1, 2], seats=5.0, label=0)
    write(bare, DAYS[2], [7])
    versions = {ref.table: ref.version for ref in first.refs}
    again = read_labelled(trips, DAYS[:2], "2013-02-01", bare.lake, versions=versions)
    pd.testing.assert_frame_equal(first.rows, again.rows)
    assert (again.refs, again.content) == (first.refs, first.content)
    assert [str(ref) for ref in first.refs] == [
        "trips/features@1[2013-01-07..2013-01-08]",
        "trips/labels@1[2013-01-07..2013-01-08]",
    ]
    newest = read_labelled(trips, DAYS[:2], "2013-02-01", bare.lake)
    assert len(newest.rows) == 5


def test_the_content_is_that_of_the_days_asked_for(bare, trips):
    for day in DAYS[:2]:
        write(bare, day, [1, 2])
    content = read_labelled(trips, DAYS[:2], "2013-02-01", bare.lake).content
    write(bare, DAYS[2], [1])
    assert read_labelled(trips, DAYS[:2], "2013-02-01", bare.lake).content == content
    write(bare, DAYS[1], [1, 2], seats=5.0)
    assert read_labelled(trips, DAYS[:2], "2013-02-01", bare.lake).content != content


def test_rows_without_a_label_are_left_out_and_their_days_listed(bare, trips):
    write(bare, DAYS[0], [1, 2])
    write(bare, DAYS[1], [1, 2], label=None)
    found = read_labelled(trips, DAYS, "2013-02-01", bare.lake)
    assert keys(found) == [(DAYS[0], "1"), (DAYS[0], "2")]
    assert found.missing == DAYS[1:]
    assert found.rows["label"].dtype == "int64"
    assert len(found.of(DAYS[1:])) == 0


def test_the_same_key_may_stand_in_every_day(bare, trips):
    """A customer is in each day's batch; the key names a row of one partition."""
    write(bare, DAYS[0], [1], label=1)
    write(bare, DAYS[1], [1], label=0)
    found = read_labelled(trips, DAYS[:2], "2013-02-01", bare.lake)
    assert found.rows["label"].tolist() == [1, 0]
    assert keys(found) == [(DAYS[0], "1"), (DAYS[1], "1")]


@pytest.mark.parametrize("days", [[], DAYS], ids=["no days", "no tables"])
def test_without_anything_to_read_the_set_is_empty(bare, trips, days):
    found = read_labelled(trips, days, "2013-02-01", bare.lake)
    assert (len(found.rows), found.refs, found.missing) == (0, [], days)
    assert found.of(days)["label"].sum() == 0
