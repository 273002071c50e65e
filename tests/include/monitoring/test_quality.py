"""What was scored: oddities are named, ordinary partitions pass, and nothing alarms without ground."""

import json

import pytest

from include.monitoring.quality import QualityEvidence, ShareEvidence, _constant, _unseen, check
from include.stats.profile import profile_frame
from include.use_case_sections import Quality

POLICY = Quality()


def share(count, rows=1000, usual=0.0):
    return ShareEvidence(count=count, rows=rows, usual=usual)


CASES = {
    "as the champion knows it": ({}, "pass", "1000 rows, 8 features as the champion knows them"),
    "no reference": ({"compared": 0}, "undecided", "keeps no reference"),
    "repeated predictions": ({"repeated": 3}, "warn", "3 rows were predicted more than once; the first"),
    "rows without prediction": ({"unscored": 2}, "warn", "2 rows of the features were not scored"),
    "another champion": ({"foreign_version": "7"}, "warn", "scored by version 7, which is not the champion"),
    "a column gone": ({"gone": ["wind"]}, "warn", "features gone: wind"),
    "constant": ({"constant": ["wind"]}, "warn", "became constant: wind"),
    "many gone": ({"gone": [f"c{k}" for k in range(9)]}, "warn", "c3, c4 and 4 more"),
    "nulls": ({"nulls": {"wind": share(100)}}, "warn", "without value: wind 10.0% (usually 0.0%)"),
    "nulls as usual": ({"nulls": {"wind": share(100, usual=0.09)}}, "pass", "1000 rows"),
    "nulls in a few rows": ({"nulls": {"wind": share(2, rows=4)}}, "pass", "1000 rows"),
    "all null": ({"nulls": {"wind": share(1000)}}, "warn", "wind 100.0%"),
    "all null, as always": ({"nulls": {"wind": share(1000, usual=1.0)}}, "pass", "1000 rows"),
    "unseen categories": ({"unseen": {"dest": share(60)}}, "warn", "with categories never seen: dest 6.0%"),
    "one unseen row": ({"unseen": {"dest": share(1)}}, "pass", "1000 rows"),
    "another clock": ({"misdated": 200}, "warn", "200 of 1000 rows happened on another date; look at the"),
    "a row past midnight": ({"misdated": 3}, "pass", "1000 rows"),
    "one row": ({"rows": 1, "misdated": 1, "nulls": {"wind": share(1, rows=1)}}, "pass", "1 rows"),
}


@pytest.mark.parametrize(("changes", "verdict", "reason"), CASES.values(), ids=CASES)
def test_verdicts(changes, verdict, reason):
    ruling = check(QualityEvidence(**{"rows": 1000, "compared": 8, **changes}), POLICY)
    assert ruling.verdict.value == verdict
    assert reason in " | ".join(ruling.reasons)
    assert ruling.error_rate == POLICY.alpha


def test_ten_thousand_columns_share_one_error_rate():
    """One in a thousand rows too many is what chance brings to some of so many columns."""
    nulls = {f"c{k}": share(64) for k in range(10_000)}
    assert check(QualityEvidence(rows=1000, compared=10_000, nulls=nulls), POLICY).verdict.value == "pass"


def reference_of(values, kind):
    import pandas as pd

    columns = (
        {"numbers": ["x"], "categories": []} if kind == "number" else {"numbers": [], "categories": ["x"]}
    )
    row = profile_frame(pd.DataFrame({"x": values}), **columns).iloc[0].to_dict()
    return json.loads(json.dumps(row))


CONSTANT = {
    "it varied": (list(range(100)), "number", [5.0] * 50, True),
    "it often stood there": ([0.0] * 90 + [1.0] * 10, "number", [0.0] * 50, False),
    "another value than ever": ([0.0] * 90 + [1.0] * 10, "number", [7.0] * 50, True),
    "too few rows": (list(range(100)), "number", [5.0] * 20, False),
    "it varies": (list(range(100)), "number", [1.0, 2.0] * 30, False),
    "one category of several": (["a", "b"] * 50, "category", ["a"] * 50, True),
    "one category of one": (["a"] * 100, "category", ["a"] * 50, False),
    "never a value": ([None] * 100, "number", [5.0] * 50, False),
}


@pytest.mark.parametrize(("before", "kind", "now", "expected"), CONSTANT.values(), ids=CONSTANT)
def test_a_column_that_stands_still_is_odd_only_where_it_moved_before(before, kind, now, expected):
    import pandas as pd

    assert _constant(pd.Series(now), reference_of(before, kind)) is expected


def test_unseen_categories_are_counted_where_all_are_known():
    import pandas as pd

    known = reference_of(["a", "b"] * 10, "category")
    assert _unseen(pd.Series(["a", "new", None, "new"]), known).count == 2
    rare = reference_of([f"level {k}" for k in range(300)], "category")
    assert _unseen(pd.Series(["new"]), rare).count == 0
