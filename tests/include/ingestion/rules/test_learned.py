"""Rules that the trailing days teach, and rules about other tables and earlier batches."""

from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include import partitions
from include.ingestion.rules import RuleContext, evaluate
from include.ingestion.staged import write_staged
from include.lake import Lake
from include.stats.profile import profile_frame
from include.use_case_sections import Contract

DAY = "2013-02-04"
USE_CASE = SimpleNamespace(name="uc", source=SimpleNamespace(event_time="time", timezone="America/New_York"))
TIME = {"time": {"type": "timestamp", "max_null_share": 1.0}}


def profiles(days, *, nulls=0.0):
    """Ten values a day from 0 to 9, and three categories."""
    rows = pd.DataFrame({"x": [float(value) for value in range(10)], "c": ["a", "b", "c", "a", "b"] * 2})
    rows.loc[: int(10 * nulls) - 1, "x"] = None
    found = profile_frame(rows, numbers=["x"], categories=["c"])
    return pd.concat(
        [found.assign(partition=partitions.shift(DAY, -back)) for back in range(1, days + 1)],
        ignore_index=True,
    )


def results(tmp_path, columns, rows, before=None, **changes):
    contract = Contract.model_validate({"columns": columns | TIME} | changes)
    table = pa.table(rows | {"time": pa.nulls(len(next(iter(rows.values()))), pa.string())})
    staged = write_staged("batch", table, tmp_path)
    context = RuleContext(USE_CASE, DAY, tmp_path, {"batch": staged}, profiles=before)
    found, broken = evaluate(staged, contract, context)
    return {result.rule: result for result in found}, broken


RANGE = {"x": {"type": "number", "trailing_range": {"widen": 0.5, "max_share": 0.25}}}


def test_a_range_is_learned_and_widened(tmp_path):
    rows = {"x": [-4.4, 0.0, 13.4, 13.6]}
    found = results(tmp_path, RANGE, rows, profiles(7))[0]["x.trailing_range"]
    assert (found.violations, found.limit, found.examples) == (1, 0.25, ["13.6"])


CATEGORIES = {"c": {"type": "string", "learn_categories": True, "max_unseen_share": 0.5}}


def test_categories_are_learned(tmp_path):
    found = results(tmp_path, CATEGORIES, {"c": ["a", "c", "new"]}, profiles(7))[0]["c.categories"]
    assert (found.violations, found.limit, found.examples) == (1, 0.5, ["new"])


def test_what_profiles_did_not_keep_widens_the_limit(tmp_path):
    before = profiles(7)
    before.loc[before["column"] == "c", "categories"] = '{"a": 6, "(other)": 4}'
    found = results(tmp_path, CATEGORIES, {"c": ["a", "z"]}, before)[0]["c.categories"]
    assert (found.violations, found.limit) == (1, 0.9)


def test_the_null_share_is_that_of_the_same_weekdays(tmp_path):
    columns = {"x": {"type": "number", "max_null_share": 1.0, "max_null_increase": 0.1}}
    rows = {"x": pa.array([None] * 4 + [1.0] * 6, pa.float64())}
    found = results(tmp_path, columns, rows, profiles(28, nulls=0.2))[0]["x.null_baseline"]
    assert (found.violations, found.limit) == (4, 0.3)
    known = results(tmp_path, columns, rows, profiles(27))[0]["x.null_baseline"]
    assert known.checked == 0
    assert known.detail == "not judged yet: 27 earlier days are known and 4 same weekdays are needed"


@pytest.mark.parametrize("columns", [RANGE, CATEGORIES], ids=["range", "categories"])
@pytest.mark.parametrize("before", [None, 6], ids=["nothing", "too few days"])
def test_without_enough_days_a_learned_rule_is_not_judged_and_says_so(tmp_path, columns, before):
    rows = {name: pa.array([None]) for name in columns}
    found, _ = results(tmp_path, columns, rows, before and profiles(before))
    [rule] = [result for name, result in found.items() if name.endswith(("trailing_range", "categories"))]
    assert (rule.checked, rule.violations) == (0, 0)
    assert rule.detail.startswith(f"not judged yet: {before or 0} earlier days are known and 7 days")


def test_keys_of_the_last_days_are_replayed(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    for back, key in ((1, 1), (3, 2), (9, 3)):
        day = partitions.shift(DAY, -back)
        rows = pd.DataFrame({"key": [key], "known_at": [partitions.available_at(day)]})
        lake.write_partition("uc", "batches", day, rows, source_hash="s", contract_hash="c")
    contract = Contract.model_validate(
        {
            "columns": {"key": {"type": "integer", "max_null_share": 1}} | TIME,
            "unique": ["key"],
            "replayed": {"days": 7, "severity": "quarantine"},
        }
    )
    staged = write_staged(
        "batch", pa.table({"key": [1, 2, 3, 4, None], "time": pa.nulls(5, pa.string())}), tmp_path
    )
    context = RuleContext(USE_CASE, DAY, tmp_path, {}, SimpleNamespace(lake=lake))
    found, broken = evaluate(staged, contract, context)
    [replayed] = [result for result in found if result.rule == "replayed"]
    assert (replayed.checked, replayed.violations) == (5, 2)
    assert replayed.examples == ["2013-02-03", "2013-02-01"]
    assert pq.read_table(broken.path).to_pylist() == [
        {"row": 0, "rule": "replayed", "value": "2013-02-03"},
        {"row": 1, "rule": "replayed", "value": "2013-02-01"},
    ]


def test_a_reference_to_a_file_that_is_missing_is_broken_by_every_row(tmp_path):
    rule = {"columns": ["c"], "file": "airports.parquet", "to": ["faa"]}
    found, _ = results(tmp_path, {"c": {"type": "string"}}, {"c": ["JFK", "X"]}, references=[rule])
    missing = found["c.in.airports.parquet"]
    assert (missing.violations, bool(missing.detail)) == (2, True)


ASIDE = {
    "x": {"type": "number", "min": 0, "severity": "quarantine"},
    "c": {"type": "string", "pattern": "[a-z]", "max_broken_share": 0.4, "severity": "quarantine"},
}


def test_the_rows_that_break_a_rule_are_named_with_their_value(tmp_path):
    found, broken = results(
        tmp_path, ASIDE, {"x": [1.0, -1.0, 2.0, -2.0], "c": ["a", "B", "c", "d"]}, unique=["c"]
    )
    assert broken.rows == 2
    assert pq.read_table(broken.path).to_pylist() == [
        {"row": 1, "rule": "x.range", "value": "-1.0"},
        {"row": 3, "rule": "x.range", "value": "-2.0"},
    ]
    assert found["c.pattern"].violations == 1


def test_a_share_above_its_limit_sets_its_rows_aside(tmp_path):
    _, broken = results(tmp_path, ASIDE, {"x": [1.0, -1.0], "c": ["A", "B"]})
    assert broken.rows == 2
    assert pq.read_table(broken.path)["rule"].to_pylist() == ["x.range", "c.pattern", "c.pattern"]


@pytest.mark.parametrize("yesterdays", [2, 1], ids=["most rows", "half of them"])
def test_the_file_of_another_day_is_named_as_such(tmp_path, yesterdays):
    times = ["2013-02-03T12:00:00-05:00"] * yesterdays + ["2013-02-04T12:00:00-05:00"]
    table = pa.table({"time": times})
    staged = write_staged("batch", table, tmp_path)
    contract = Contract.model_validate({"columns": TIME})
    found, _ = evaluate(staged, contract, RuleContext(USE_CASE, DAY, tmp_path, {}))
    [dated] = [result for result in found if result.rule == "event_date"]
    assert dated.violations == yesterdays
    assert dated.detail == ("this looks like the file of 2013-02-03" if yesterdays == 2 else "")
