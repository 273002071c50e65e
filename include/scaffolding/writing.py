"""The text of a first `use_case.yaml` and `features.py`, with the reasons beside the rules."""

from __future__ import annotations

import json
import keyword
import re
from typing import Any

from include.scaffolding.bounds import volume_limits, volume_ratio
from include.scaffolding.findings import ColumnFinding, Findings

_WIDTH = 100


def use_case_yaml(found: Findings, *, name: str, target: str, time: str, timezone: str, source: str) -> str:
    """Return the declaration."""
    fewest, most = volume_limits(found.rows)
    ratio = volume_ratio(found.days, found.rows)
    problem = ", ".join(f"{key}: {_flow(value)}" for key, value in found.problem.items())
    attention = "".join(f"#   - {line}\n" for line in found.attention) or "#   - nothing stood out\n"
    columns = "".join(_column(one) for one in found.columns)
    return f"""\
# Made by `airlock scaffold` from {source}: {sum(found.rows)} rows of {len(found.days)} days.
# The rules hold on these rows. They are a start: a person knows what may come, the data only what came.
#
# Look at this first:
{attention}#
# How the limits were derived:
#   - min and max: what was seen, and half of the span between the 1st and the 99th hundredth more.
#   - max_null_share: the upper bound (Clopper-Pearson, alpha .01) of the day with the most nulls.
#   - categories: only where no value was seen less than three times; otherwise new values are expected.
#   - rows of a batch: half of the smallest day to twice the largest.

name: {name}
title: {_text(f"{target} of {name}")}
owner: {_text("nobody-yet")}  # who is asked when a batch is refused

problem:
  {problem.replace(", classes", chr(10) + "  classes")}
  question: {_text(f"What will {target} be?")}
  key: {_flow(found.key)}  # names a row within its day

source:
  kind: parquet
  path: {name}/{{partition}}.parquet
  event_time: {_text(time)}
  timezone: {timezone}  # the calendar by which rows are cut into days
  start_date: {found.days[0]}
  end_date: {found.days[-1]}  # remove it when new days will come

labels:
  kind: column
  column: {_text(target)}
  delay_days: 1  # days until the outcome is known: training must not see it earlier
  post_outcome_columns: {_flow(found.post_outcome)}

contract:
  unique: {_flow(found.key)}
  # A warning at first: how far days differ is not known from {len(found.days)} of them.
  volume: {{min_rows: {fewest}, max_rows: {most}, max_ratio: {ratio:g}, severity: warn}}
  columns:
{columns}"""


def _column(one: ColumnFinding) -> str:
    rule = {key: _number(value) for key, value in one.rule.items()}
    line = f"    {_text(one.name)}: {_flow(rule)}"
    return f"    # {_comment(one.why)}\n{line}\n"


def _comment(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value  # noqa: PLR2004


def _flow(value: Any) -> str:
    """Spell a value on one line, as YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    """Spell a text: a plain word as it is, everything else in the quotes of JSON, which YAML reads."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", value)
    reserved = value.lower() in {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
    return value if plain and not reserved else json.dumps(value, ensure_ascii=True)


def features_py(found: Findings, *, name: str, time: str) -> str:
    """Return the definitions of the features: each column as it is, and the hour of the event."""
    taken = {"features", "pd", "event_hour", "rows"}
    parts = [_feature(one, taken) for one in found.columns if one.feature]
    return f'''\
"""Features of {name}: a first set, each column as it is. What a person knows is still missing."""

from __future__ import annotations

import pandas as pd

from include.feature_sets import FeatureSet

features = FeatureSet()


@features.row(kind="number", inputs=[{time!r}], low=0, high=24, description="hour of the event in UTC")
def event_hour(rows: pd.DataFrame) -> pd.Series:
    times = pd.to_datetime(rows[{time!r}], utc=True, format="ISO8601")
    return times.dt.hour.astype("float64")
{"".join(parts)}'''


def _feature(one: ColumnFinding, taken: set[str]) -> str:
    name = _identifier(one.name, taken)
    limits = ""
    if one.feature == "number" and "min" in one.rule:
        limits = f", low={_number(one.rule['min'])}, high={_number(one.rule['max'])}"
    if one.null_limit > 0.5:  # noqa: PLR2004 -- the default of use_case.yaml
        limits += f", max_null_share={one.null_limit}"
    body = f"rows[{one.name!r}]" + ('.astype("float64")' if one.feature == "number" else "")
    return f'''

@features.row(
    kind="{one.feature}", inputs=[{one.name!r}]{limits}, description="as it landed"
)
def {name}(rows: pd.DataFrame) -> pd.Series:
    return {body}
'''


def _identifier(name: str, taken: set[str]) -> str:
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "column"
    plain = f"c_{plain}" if plain[0].isdigit() or keyword.iskeyword(plain) else plain
    found, number = plain, 2
    while found in taken:
        found, number = f"{plain}_{number}", number + 1
    taken.add(found)
    return found
