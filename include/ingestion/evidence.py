"""What the ingestion gate is shown: figures only, small enough to keep for ever."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from include.decisions import Mode
from include.use_case_sections import Severity

BATCH = "batch"  # the name of the main table beside those of the side tables


class _Evidence(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LandedFile(_Evidence):
    """One file as it landed. `raw` is where it can be looked at; it is empty when the file is missing."""

    table: str
    source: str
    raw: str = ""
    size: int = 0
    sha256: str = ""


class Fault(_Evidence):
    """Something that makes the rules of the contract meaningless: no file, no Parquet, no such column."""

    table: str
    rule: str
    detail: str
    severity: Severity = "refuse"


class RuleResult(_Evidence):
    """How many values broke one rule of the contract.

    Attributes:
        limit: largest share of violations that the contract allows.
        mode: whether a refusal by this rule alone is let through.
        share: whether this is a share to be judged with its uncertainty, or a plain yes or no.
    """

    table: str
    rule: str
    expectation: str
    checked: int
    violations: int
    limit: float = 0.0
    share: bool = True
    severity: Severity = "refuse"
    mode: Mode = "fail_closed"
    detail: str = ""
    examples: list[str] = []


class VolumeResult(_Evidence):
    """A count among those of earlier batches; see `include.stats.conformal`.

    `column` is empty for all rows. A count of 0 deviates infinitely, for which the ledger's JSON has null.
    """

    column: str = ""
    count: int
    expected: float
    deviation: Annotated[float, BeforeValidator(lambda value: math.inf if value is None else value)]
    past: int
    p_value: float


class DriftResult(_Evidence):
    """How far the batch lies from the days before; see `include.stats.drift`.

    Attributes:
        magnitude: largest surprise of a column; None with too little history.
        columns: the most surprising columns, with their surprise.
        past: earlier magnitudes that it is ranked in.
    """

    magnitude: float | None
    p_value: float | None
    past: int
    columns: dict[str, float] = {}


class IngestionEvidence(_Evidence):
    """Everything that the verdict on a batch rests on.

    Attributes:
        counts: rows (under the empty name) and values of the columns whose volume is watched. Refused batches
            are part of the history too: what is unusual once may be the new usual.
        flags: value of every feature flag that somebody has set, by name; see `include.flags`.
        masked: what was done to each column of personal data, by `table.column`.
        set_aside: rows by table that break a rule of severity `quarantine`, whatever was decided about them
            since: a release must not change what the gate was shown.
        reports: by table, where the suite, its results and their page for people are.
    """

    kind: Literal["ingestion"] = "ingestion"
    files: list[LandedFile]
    faults: list[Fault] = []
    results: list[RuleResult] = []
    rows: int = 0
    counts: dict[str, int] = {}
    volumes: list[VolumeResult] = []
    flags: dict[str, str | bool] = {}
    masked: dict[str, str] = {}
    set_aside: dict[str, int] = {}
    drift: DriftResult | None = None
    reports: dict[str, str] = {}

    @property
    def accepted_rows(self) -> int:
        """Rows of the batch that no rule sets aside."""
        return self.rows - self.set_aside.get(BATCH, 0)
