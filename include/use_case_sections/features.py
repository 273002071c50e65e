"""The section `features`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from include.decisions import Mode
from include.use_case_sections.base import Days, Section, Share


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
    mode: Mode = "fail_closed"
    beside: list[BesideFile] = Field(
        default_factory=list,
        description=(
            "files in the use case's folder with older definitions, such as features_old.py, which are built "
            "every day beside today's while models that learned from them are in use"
        ),
    )
    online: Online = Online()
