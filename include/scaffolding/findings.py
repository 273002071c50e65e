"""What the data say of themselves: types, limits, the key, and what a person should look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from include.errors import ConfigurationError
from include.personal_data import looks_like
from include.scaffolding import bounds

_MOST_CATEGORIES = 30
_MOST_CLASSES = 20
_FEW_VALUES = 100
_LEAK = 0.85
_ABSENT = 0.8
_SAMPLE = 2000
_TWO, _OFTEN, _FOUR_WEEKS = 2, 20, 28


@dataclass(frozen=True)
class ColumnFinding:
    """One column, and how it is declared.

    Attributes:
        rule: what stands in the contract, by setting.
        why: how the limits were derived, in words.
        personal: what it looks like, when that is personal data.
        feature: `number` or `category`; None when no feature is made of it, and `why_not` says why.
    """

    name: str
    rule: dict[str, Any]
    why: str
    personal: str = ""
    feature: str | None = None
    why_not: str = ""
    null_limit: float = 0.0


@dataclass(frozen=True)
class Findings:
    """All that a first declaration is made of."""

    columns: list[ColumnFinding]
    key: list[str]
    problem: dict[str, Any]
    post_outcome: list[str]
    days: list[str]
    rows: list[int]
    attention: list[str] = field(default_factory=list)


def examine(rows: pd.DataFrame, days: pd.Series, *, target: str, time: str, key: Sequence[str]) -> Findings:
    """Look at data.

    Args:
        rows: with the columns that will land.
        days: the partition of each row.
        target: the column that is predicted.
        time: the column of event times.
        key: columns that name a row, when a person knows them.

    Raises:
        ConfigurationError: the target or the key is no column, or the target never varies.
    """
    for name in (target, *key):
        if name not in rows.columns:
            raise ConfigurationError(f"There is no column {name!r}; there are {', '.join(rows.columns)}")
    if rows[target].nunique() < _TWO:
        raise ConfigurationError(f"Column {target!r} has one value only, so there is nothing to predict")
    post = post_outcome(rows, target)
    personal = {name for name in rows.columns if personal_looks(rows[name])}
    found_key = list(key) or key_of(rows, days, {target, *post, *personal})
    names = {name for name in found_key if rows[name].nunique() > _FEW_VALUES}
    excluded = dict.fromkeys(names, "part of the key") | dict.fromkeys(post, "known only with the outcome")
    excluded |= {target: "the target", time: "the time"}
    columns = [_column(rows[name], days, excluded.get(name, "")) for name in rows.columns]
    sizes = days.value_counts().sort_index()
    attention = _attention(rows, columns, post, target, len(sizes))
    problem, counted = problem_of(rows[target]), [int(size) for size in sizes]
    return Findings(columns, found_key, problem, post, list(sizes.index), counted, attention)


def kind_of(values: pd.Series) -> str:
    """Return the contract's type of a column."""
    if pd.api.types.is_bool_dtype(values):
        return "boolean"
    if pd.api.types.is_integer_dtype(values):
        return "integer"
    if pd.api.types.is_numeric_dtype(values):
        return "number"
    return "timestamp" if pd.api.types.is_datetime64_any_dtype(values) else "string"


def _column(values: pd.Series, days: pd.Series, excluded: str) -> ColumnFinding:
    name, kind = str(values.name), kind_of(values)
    by_day = values.isna().groupby(days.to_numpy()).agg(["sum", "size"])
    limit = bounds.null_limit(by_day["sum"].tolist(), by_day["size"].tolist())
    rule: dict[str, Any] = {"type": kind, "max_null_share": limit}
    most = (by_day["sum"] / by_day["size"]).max()
    why = [f"nulls: {values.isna().mean():.2%} of all, at most {most:.2%} of a day"]
    present = values.dropna()
    if kind in {"integer", "number"} and len(present):
        low, high = bounds.value_range(present.to_numpy(dtype="float64"), whole=kind == "integer")
        rule |= {"min": low, "max": high}
        why.append(f"seen {present.min():g} to {present.max():g}")
    personal = personal_looks(values)
    if kind == "string" and not personal:
        counts = present.value_counts()
        if len(counts) <= _MOST_CATEGORIES and bounds.closed_set(counts.tolist()):
            rule["categories"] = sorted(map(str, counts.index))
            why.append(f"{len(counts)} values, the rarest {counts.min()} times")
        else:
            why.append(f"{len(counts)} values, {int((counts == 1).sum())} of them once: no closed set")
    if personal:
        rule |= {"pii": {"method": "mask"}}
        rule = {key: value for key, value in rule.items() if key not in {"min", "max"}}
    feature, why_not = _feature(present, kind, excluded or (personal and "personal data"))
    return ColumnFinding(name, rule, "; ".join(why), personal, feature, why_not, limit)


def _feature(present: pd.Series, kind: str, excluded: str) -> tuple[str | None, str]:
    different = present.nunique()
    if excluded or different < _TWO:
        return None, excluded or "it never varies"
    if kind in {"integer", "number", "boolean"}:
        return "number", ""
    if kind == "string" and different <= _FEW_VALUES:
        return "category", ""
    return (
        None,
        "a time wants a feature of its own" if kind == "timestamp" else f"{different} different texts",
    )


def personal_looks(values: pd.Series) -> str:
    """Say what personal data a column of text or integers looks like; nothing when it looks like none."""
    if kind_of(values) not in {"string", "integer"}:
        return ""
    present = values.dropna()
    step = max(len(present) // _SAMPLE, 1)
    return looks_like([str(value) for value in present.iloc[::step][:_SAMPLE]], None)


def problem_of(target: pd.Series) -> dict[str, Any]:
    """Return the section `problem` that the values of a target ask for, without its question and key.

    Two values 0 and 1 are binary; three to twenty texts, or as many integers of which each stands at least
    twenty times, are classes; other numbers are amounts.

    Raises:
        ConfigurationError: the target is text with too many or too few values.
    """
    values, kind = sorted(target.dropna().unique().tolist()), kind_of(target)
    if set(values) <= {0, 1}:
        return {"kind": "binary"}
    often = kind == "integer" and int(target.value_counts().min()) >= _OFTEN
    if _TWO < len(values) <= _MOST_CLASSES and (kind == "string" or often):
        return {"kind": "multiclass", "classes": [str(value) for value in values]}
    if kind in {"string", "timestamp"}:
        raise ConfigurationError(
            f"Column {target.name!r} is {kind} with {len(values)} values; a target is 0/1, three to "
            f"{_MOST_CLASSES} classes, or a number"
        )
    return {"kind": "regression"}


def key_of(rows: pd.DataFrame, days: pd.Series, excluded: set[str]) -> list[str]:
    """Return few columns that name a row within its day; none of them can be left out.

    Empty when there are none. Columns with nulls and broken numbers name nothing.
    """
    kinds = {"integer", "string", "timestamp"}
    whole = [name for name in rows.columns if rows[name].notna().all() and kind_of(rows[name]) in kinds]
    candidates = [name for name in whole if name not in excluded]
    if not candidates or _repeats(rows, candidates, days):
        return []
    # The columns with the fewest values say least, so they are tried first; numbers make the best keys.
    for name in sorted(candidates, key=lambda one: (rows[one].nunique(), kind_of(rows[one]) == "integer")):
        rest = [other for other in candidates if other != name]
        if rest and not _repeats(rows, rest, days):
            candidates = rest
    return candidates


def _repeats(rows: pd.DataFrame, names: list[str], days: pd.Series) -> bool:
    return bool(rows[names].assign(_day=days.to_numpy()).duplicated().any())


def post_outcome(rows: pd.DataFrame, target: str) -> list[str]:
    """Return the columns that look as if they were known only with the outcome.

    Those whose correlation with the target, of values or of ranks, is at least .85, and those that are absent
    where it is absent (correlation of the two absences at least .8).
    """
    outcome = rows[target]
    codes = outcome if pd.api.types.is_numeric_dtype(outcome) else pd.Series(pd.factorize(outcome)[0])
    others = rows.columns.drop(target)
    return [name for name in others if _goes_with(rows[name], outcome, codes.astype("float64"))]


def _goes_with(values: pd.Series, outcome: pd.Series, codes: pd.Series) -> bool:
    absent, gone = outcome.isna(), values.isna()
    if absent.any() and gone.any() and not gone.all() and np.corrcoef(absent, gone)[0, 1] >= _ABSENT:
        return True
    if not pd.api.types.is_numeric_dtype(values):
        return False
    both = codes.notna() & values.notna()
    x, y = codes[both], values[both].astype("float64")
    if x.nunique() < _TWO or y.nunique() < _TWO:
        return False
    found = (np.corrcoef(x, y)[0, 1], np.corrcoef(x.rank(), y.rank())[0, 1])
    return bool(max(map(abs, found)) >= _LEAK)


def _attention(
    rows: pd.DataFrame, columns: list[ColumnFinding], post: list[str], target: str, days: int
) -> list[str]:
    told = [
        f"{one.name}: {one.personal}, which is personal data. It is masked; is that enough?"
        for one in columns
        if one.personal
    ]
    told += [
        f"{name}: comes and goes with {target}, so it is declared as known only after the outcome. Is it?"
        for name in post
    ]
    told += [
        f"{one.name}: {one.why_not}, so no feature is made of it"
        for one in columns
        if one.why_not and not one.personal and one.name not in {*post, target}
    ]
    if days < _FOUR_WEEKS:
        told.append(f"{days} days are few: the limits know no month, and training needs 11 days and more")
    if missing := rows[target].isna().mean():
        told.append(f"{target}: {missing:.1%} of the rows have no outcome yet")
    return told
