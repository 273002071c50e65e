"""The section `features`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from include.decisions import Mode
from include.use_case_sections.base import Section, Share

Finding = Literal["allow", "warn", "refuse"]


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
