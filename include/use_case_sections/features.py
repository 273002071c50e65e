"""The section `features`."""

from __future__ import annotations

from include.decisions import Mode
from include.use_case_sections.base import Section, Share


class Features(Section):
    """How features are checked; their definitions stand in `features.py` beside the YAML."""

    max_null_share: Share = 0.5
    mode: Mode = "fail_closed"
