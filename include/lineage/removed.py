"""Files that are not there any more because retention removed them, which is no fault."""

from __future__ import annotations

from include.ledger import Ledger
from include.lineage.facts import RawFile

_GATE, _RAW = "retention", "raw"


def tell_removed(ledger: Ledger, use_case: str, files: list[RawFile]) -> list[RawFile]:
    """Call missing files `removed` when their date lies before one up to which retention removed files."""
    cutoffs = [
        str(decision.evidence["tables"][_RAW]["cutoff"])
        for decision in ledger.find(use_case=use_case, gate=_GATE)
        if _RAW in decision.evidence["tables"]
    ]
    kept_from = max(cutoffs, default="")
    return [
        file.model_copy(update={"state": "removed"})
        if file.state == "missing" and file.partition < kept_from
        else file
        for file in files
    ]
