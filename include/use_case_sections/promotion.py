"""The section `promotion`."""

from __future__ import annotations

from typing import Literal

from include.use_case_sections.base import Section


class Promotion(Section):
    """When a candidate may become the champion."""

    mode: Literal["fail_closed"] = "fail_closed"
