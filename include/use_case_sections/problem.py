"""The section `problem`: what is predicted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from include.use_case_sections.base import Section


class Problem(Section):
    """What is predicted, for one row of the table."""

    kind: Literal["binary"]
    question: str
    key: list[str] = Field(min_length=1, description="columns that together name one row")
