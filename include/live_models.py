"""Which rows the models in use were trained and judged on, by table, version and date."""

from __future__ import annotations

import re
from dataclasses import dataclass

from include.decisions import Decision
from include.lake import TableRef
from include.ledger import Ledger
from include.lineage.facts import EVALUATION, TRAINING, table_versions
from include.lineage.terms import champion_terms

_REFERENCE = re.compile(
    r"(?P<use_case>[a-z0-9_]+)/(?P<table>[a-z0-9_]+)@(?P<version>\d+)"
    r"\[(?P<first>\d{4}-\d{2}-\d{2})\.\.(?P<last>\d{4}-\d{2}-\d{2})\]"
)


@dataclass(frozen=True)
class TrainingSet:
    """What one model in use names: rows that it learned from, and rows that it was judged on."""

    model_version: str
    refs: tuple[TableRef, ...]

    def names(self, table: str, partition: str) -> bool:
        """Tell whether a partition of a table belongs to it."""
        return any(ref.table == table and ref.first <= partition <= ref.last for ref in self.refs)


def training_sets_in_use(ledger: Ledger, use_case: str, newest: str) -> list[TrainingSet]:
    """Return the training sets of the models that decide on the newest partition or on later ones.

    Raises:
        NotFound: a promotion names an evaluation that the ledger does not hold.
    """
    found: list[TrainingSet] = []
    for term in champion_terms(ledger, use_case):
        if term.decides and (term.until is None or term.until >= newest):
            evaluation = ledger.get(term.evaluation_id)
            refs = {ref for decision in _behind(ledger, evaluation) for ref in _refs(decision)}
            found.append(TrainingSet(term.version, tuple(sorted(refs, key=str))))
    return found


def _behind(ledger: Ledger, evaluation: Decision) -> list[Decision]:
    """Return the evaluation and the decision to train that it followed: same as-of, same tables."""
    wanted = table_versions(evaluation)
    trainings = ledger.find(use_case=evaluation.use_case, gate=TRAINING)
    same = [
        found for found in trainings if found.as_of == evaluation.as_of and table_versions(found) == wanted
    ]
    return [found for found in [evaluation, *same] if found.gate in {EVALUATION, TRAINING}]


def _refs(decision: Decision) -> list[TableRef]:
    matches = (_REFERENCE.fullmatch(text) for text in decision.data_refs)
    return [
        TableRef(
            use_case=match["use_case"],
            table=match["table"],
            version=int(match["version"]),
            first=match["first"],
            last=match["last"],
        )
        for match in matches
        if match is not None
    ]
