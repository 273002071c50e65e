"""The section `card`: what a model card must say and no figure can."""

from __future__ import annotations

from pydantic import Field

from include.use_case_sections.base import Section


class Card(Section):
    """What a reader of the model card wants to know beside the figures (Mitchell et al. 2019)."""

    intended_use: str = Field("", description="what the scores are for, and who acts on them")
    out_of_scope: str = Field("", description="what they must not be used for")
    limits: str = Field("", description="where the model is known to be weak")
    people_affected: str = Field("", description="who feels a wrong score, and how")
    contact: str = Field("", description="whom to ask; left out, the owner")

    @property
    def missing(self) -> list[str]:
        """Names of the questions that are left open; `contact` falls back to the owner."""
        return [
            name for name in type(self).model_fields if name != "contact" and not getattr(self, name).strip()
        ]
