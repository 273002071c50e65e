"""The section `retention`: how long the rows of each table are kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from include.use_case_sections.base import Section

RAW = "raw"
Kept = Annotated[int, Field(ge=1, le=36_600)]


class Retention(Section):
    """For how many days of data time rows are kept; what is not named is kept for ever.

    The exception are rows of feature sets that nobody needs any more. Maintenance removes partitions whose
    date lies further back than the newest batch, and writes into the ledger what it removed.
    """

    days: dict[str, Kept] = Field(
        default_factory=dict,
        description="by table: batches, quarantine, features, side_weather, ..., or raw for the landed files",
    )
    unused_feature_sets_days: Kept | None = Field(
        90,
        description=(
            "rows of a feature set that no file defines and no model in use learned from are removed when "
            "its newest date lies so many days back; empty keeps them for ever"
        ),
    )
    remove_training_sets: bool = Field(
        False, description="remove also what the training set of a model in use names"
    )
