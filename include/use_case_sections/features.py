"""The section `features`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from include.decisions import Mode
from include.use_case_sections.base import Days, Section, Share

Finding = Literal["allow", "warn", "refuse"]


class Online(Section):
    """Whether and how single requests are answered."""

    enabled: bool = Field(False, description="keep a state for requests, renewed after every partition")
    max_staleness_days: Days = Field(
        1, description="so many days later than the state's as-of a request is still answered from it"
    )


# Beside `use_case.yaml`, never elsewhere: no path, and not the file that holds today's definitions.
BesideFile = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}\.py$")]


class Features(Section):
    """How features are checked; their definitions stand in `features.py` beside the YAML."""

    max_null_share: Share = 0.5
    max_out_of_range_share: Share = Field(
        0.1, description="share of a feature's values that may lie outside its range; they are made null"
    )
    max_categories: int = Field(
        1000, ge=1, description="different values that a category may have in one partition"
    )
    constant: Finding = Field(
        "warn", description="a feature that has had one and the same value for `constant_days`"
    )
    constant_days: int = Field(
        28, ge=1, description="days in a row, each with `min_rows`, until a constant feature counts"
    )
    duplicated: Finding = Field("warn", description="two features that are equal in every row")
    min_rows: int = Field(
        100, ge=2, description="with fewer rows, constant and duplicated features are no finding"
    )
    wait_minutes: int = Field(
        120, ge=0, description="patience for a side table whose features declare when_missing='wait'"
    )
    mode: Mode = "fail_closed"
    online: Online = Online()
    beside: list[BesideFile] = Field(
        default_factory=list,
        description=(
            "files in the use case's folder with older definitions, such as features_old.py, which are built "
            "every day beside today's while models that learned from them are in use"
        ),
    )
