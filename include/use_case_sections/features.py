"""The section `features`."""

from __future__ import annotations

from pydantic import Field

from include.decisions import Mode
from include.use_case_sections.base import Days, Section, Share


class Online(Section):
    """Whether and how single requests are answered."""

    enabled: bool = Field(False, description="keep a state for requests, renewed after every partition")
    max_staleness_days: Days = Field(
        1, description="so many days later than the state's as-of a request is still answered from it"
    )


class Features(Section):
    """How features are checked; their definitions stand in `features.py` beside the YAML."""

    max_null_share: Share = 0.5
    mode: Mode = "fail_closed"
    online: Online = Online()
