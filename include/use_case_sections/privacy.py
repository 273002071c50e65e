"""The section `privacy`, and what a column that holds personal data declares."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from include.use_case_sections.base import Section


class Mask(Section):
    """The value is replaced by `***`, perhaps with its last signs."""

    method: Literal["mask"]
    show_last: int = Field(0, ge=0, le=4, description="signs at the end that stay readable")


class Hash(Section):
    """The value is replaced by a keyed hash (HMAC-SHA256, 128 bits in hex): equal values stay equal."""

    method: Literal["hash"]


class Generalise(Section):
    """The value is made coarser: a time to its period, a number to a multiple, a text to its first signs."""

    method: Literal["generalise"]
    to: Literal["year", "month", "day", "hour"] | None = Field(None, description="of a timestamp")
    step: float | None = Field(None, gt=0, description="of a number: rounded down to a multiple of it")
    keep: int | None = Field(None, ge=1, description="of a text: so many signs are kept")

    @model_validator(mode="after")
    def _one_way(self) -> Generalise:
        if sum(value is not None for value in (self.to, self.step, self.keep)) != 1:
            raise ValueError("generalise needs exactly one of `to`, `step` and `keep`")
        return self


class Drop(Section):
    """The column is read, so that its absence is noticed, and never written."""

    method: Literal["drop"]


Pii = Annotated[Mask | Hash | Generalise | Drop, Field(discriminator="method")]


class Privacy(Section):
    """Personal data that nobody declared: what happens when a column looks like it."""

    masking: bool = Field(
        True, description="false writes declared personal data in clear; meant for a flag, and told"
    )
    undeclared: Literal["refuse", "warn", "ignore"] = Field(
        "warn", description="when a column that declares no `pii` looks like personal data"
    )
    sample_rows: int = Field(2000, ge=100, description="rows that are looked at, spread over the batch")
    phone_region: str | None = Field(
        None, pattern="^[A-Z]{2}$", description="country of numbers without +, e.g. US"
    )
    not_personal: list[str] = Field(
        default_factory=list, description="columns that a person has looked at and found harmless"
    )
