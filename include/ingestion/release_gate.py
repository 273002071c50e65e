"""The verdict on a release or a discard: may rows that were set aside be let in, or given up."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.decisions import Ruling, Verdict

RELEASE_RULE = (
    "every released row keeps every rule of the contract, but for those that it was set aside for when an "
    "exception is signed off, and no key is let in twice"
)
DISCARD_RULE = "a person gives the rows up; they stay in the raw file and in the quarantine"


class ReleaseEvidence(BaseModel):
    """What a release or a discard rests on.

    Attributes:
        file_hash: hash of the landed table that the rows stand in.
        selection: hash of the list of their positions, see `include.quarantine.read_selection`.
        rows: how many.
        rules: of them, those that were set aside for each rule.
        broken: of them, those that break each rule of the contract as it is now.
        repeated_keys: of them, those whose key the partition holds already, or that stand among them twice.
        exception: why the rules that the rows were set aside for are waived; empty when they are not.
        reason: why the rows are given up, of a discard.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["release", "discard"]
    table: str
    file_hash: str
    selection: str
    rows: int
    rules: dict[str, int]
    broken: dict[str, int] = {}
    repeated_keys: int = 0
    exception: str = ""
    reason: str = ""
    ingestion_id: str
    contract_hash: str


def check_release(evidence: ReleaseEvidence) -> Ruling:
    """Judge a release. An exception waives what the rows were set aside for, and nothing else."""
    waived = set(evidence.rules) if evidence.exception else set()
    refused = [
        f"{evidence.table}: {rule}: still broken by {count} of {evidence.rows} rows"
        + ("" if evidence.exception else "; change the contract, or sign off an exception")
        for rule, count in sorted(evidence.broken.items())
        if rule not in waived
    ]
    if evidence.repeated_keys:
        refused.append(
            f"{evidence.table}: the keys of {evidence.repeated_keys} of {evidence.rows} rows would stand in "
            "the partition twice; discard them, or release others"
        )
    if refused:
        return Ruling(verdict=Verdict.REFUSE, reasons=refused, rule=RELEASE_RULE)
    if still := sorted(set(evidence.broken) & waived):
        reason = f"{evidence.rows} rows released although they break {', '.join(still)}: {evidence.exception}"
        return Ruling(verdict=Verdict.WARN, reasons=[reason], rule=RELEASE_RULE)
    reason = f"{evidence.rows} rows released: they keep every rule of the contract as it is now"
    return Ruling(verdict=Verdict.PASS, reasons=[reason], rule=RELEASE_RULE)


def check_discard(evidence: ReleaseEvidence) -> Ruling:
    """Judge a discard: a person's word is enough, and it is written down."""
    reason = f"{evidence.rows} rows given up: {evidence.reason}"
    return Ruling(verdict=Verdict.PASS, reasons=[reason], rule=DISCARD_RULE)
