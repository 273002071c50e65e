"""The generated reference is the one in the repository."""

from __future__ import annotations

from cli.reference import render
from include.settings import PROJECT_ROOT


def test_the_reference_is_up_to_date() -> None:
    assert (PROJECT_ROOT / "docs" / "use-case.md").read_text(encoding="utf-8") == render(), "run: make docs"


def test_every_section_and_alternative_is_described() -> None:
    text = render()
    for heading in (
        "UseCase",
        "Contract",
        "Column",
        "Volume",
        "ParquetSideTable",
        "CsvSource",
        "ThresholdLabel",
        "ColumnLabel",
    ):
        assert f"\n## {heading}\n" in text
    assert "| `min_history` | int | `20` |" in text
