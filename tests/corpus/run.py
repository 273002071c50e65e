"""Hand in every broken batch and compare what is said with what must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.corpus import containers, deliveries, rules, shapes, texts, values
from tests.corpus.case import Case
from tests.corpus.desk import Answer, Desk, use_case


def all_cases() -> list[Case]:
    """Return the corpus.

    Raises:
        ValueError: two cases have the same name.
    """
    found = [case for part in (containers, shapes, values, texts, rules, deliveries) for case in part.cases()]
    names = [case.name for case in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two cases are called {sorted(twice)}; rename one")
    return found


@dataclass(frozen=True)
class Outcome:
    """What became of a case; `wrong` is empty when it is as it must be."""

    case: Case
    answer: Answer
    wrong: str


def run(desk: Desk, cases: Iterable[Case]) -> Iterator[Outcome]:
    for case in cases:
        yield _outcome(desk, case)


def _outcome(desk: Desk, case: Case) -> Outcome:
    desk.clear()
    desk.land(case.made().files)
    if case.prepare is not None:
        case.prepare(desk)
    before = desk.tables()
    answer = desk.ingest(use_case(case.kind, **case.changes), case.day)
    return Outcome(case, answer, "; ".join(_wrong(case, answer, before == desk.tables())))


def _wrong(case: Case, answer: Answer, untouched: bool) -> Iterator[str]:
    if answer.verdict != case.verdict:
        yield f"{answer.verdict} instead of {case.verdict}: {answer.message[:300]}"
        return
    for part in case.says:
        if part not in answer.message:
            yield f"does not say {part!r}: {answer.message[:400]}"
    if case.verdict in {"refuse", "error"} and not untouched:
        yield "something was written"
    if case.verdict == "refuse" and "./airlock decisions --id" not in answer.message:
        yield "names no next step"
