"""The section `promotion`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from include.use_case_sections.base import Section


class Approval(Section):
    """A person must agree before a candidate that passed becomes the champion.

    The training waits for an answer in Airflow (*Required actions*, or its REST API). No answer in time is a
    no.
    """

    approvers: list[str] = Field(min_length=1, description="Airflow user names that may answer")
    four_eyes: bool = Field(True, description="whoever started the training may not approve it")
    timeout_hours: float = Field(72.0, gt=0, le=24 * 90, description="without an answer it is refused")

    @model_validator(mode="after")
    def _each_once(self) -> Approval:
        if len(set(self.approvers)) < len(self.approvers):
            raise ValueError("approvers names somebody twice; name each once")
        return self


class Promotion(Section):
    """When a candidate may become the champion."""

    approval: Approval | None = Field(None, description="left out, no person is asked")
    mode: Literal["fail_closed"] = "fail_closed"
