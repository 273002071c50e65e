"""What a source did not say clearly, counted per rule with the first places: the faults of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from include.ingestion.evidence import Fault
from include.use_case_sections import Contract, Severity

_SHOWN_PLACES = 3
_SHOWN_SIGNS = 60


def shown(value: object) -> str:
    """Spell a landed value for a message: its control characters escaped, its end cut off."""
    text = repr(value)
    return text if len(text) <= _SHOWN_SIGNS else f"{text[:_SHOWN_SIGNS]}..."


@dataclass
class _Doubt:
    said: str
    severity: Severity
    count: int = 0
    places: list[str] = field(default_factory=list)


@dataclass
class Doubts:
    """The faults of one table, while it is read.

    Attributes:
        table: whose.
        contract: declares which columns are personal data, whose values no message shows.
        source: file or query that is read at the moment.
        unit: what the source counts in: `line` or `row`.
    """

    table: str
    contract: Contract
    source: str = ""
    unit: str = "row"
    _faults: list[Fault] = field(default_factory=list)
    _found: dict[tuple[str, str, str], _Doubt] = field(default_factory=dict)

    def fault(self, rule: str, detail: str, severity: Severity = "refuse") -> None:
        """Add what is wrong with the table or the file as a whole."""
        self._faults.append(Fault(table=self.table, rule=rule, detail=detail, severity=severity))

    def value(self, column: str, said: str, place: int, value: object, *, count: int = 1) -> None:
        """Add values that do not fit their column: how many, and one of them with its place."""
        declared = self.contract.columns[column]
        key = (self.source, column, said)
        # A time that cannot be read leaves the row in place; everything else leaves no value to judge.
        severity: Severity = (
            "warn" if declared.type == "timestamp" and declared.severity == "warn" else "refuse"
        )
        doubt = self._found.setdefault(key, _Doubt(said, severity))
        doubt.count += count
        if len(doubt.places) < _SHOWN_PLACES:
            text = "a value of personal data" if declared.pii is not None else shown(value)
            doubt.places.append(f"{self.unit} {place}: {text}")

    def column_values(
        self, column: str, said: str, values: Sequence[object], wrong: Sequence[int], places: Sequence[int]
    ) -> None:
        """Add the values at the positions `wrong` of a batch."""
        for position in wrong[:_SHOWN_PLACES]:
            self.value(column, said, places[position], values[position])
        if len(wrong) > _SHOWN_PLACES:
            self.value(
                column,
                said,
                places[wrong[_SHOWN_PLACES]],
                values[wrong[_SHOWN_PLACES]],
                count=len(wrong) - _SHOWN_PLACES,
            )

    @property
    def refusing(self) -> bool:
        return any(fault.severity == "refuse" for fault in self.faults)

    @property
    def faults(self) -> list[Fault]:
        """All faults, those of whole files first."""
        return self._faults + [
            Fault(
                table=self.table,
                rule=f"{column}.type",
                detail=f"{doubt.count} values of column {column!r} in {source} {doubt.said}; "
                f"{', '.join(doubt.places)}",
                severity=doubt.severity,
            )
            for (source, column, _), doubt in self._found.items()
        ]
