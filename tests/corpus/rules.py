"""Batches that break a rule about other days, other columns or other tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from tests.corpus.case import Case
from tests.corpus.desk import DAY, EARLIER, ROWS, frame, parquet, use_case
from tests.corpus.values import changed


def cases() -> Iterator[Case]:
    yield from _days()
    yield from _columns()
    yield from _tables()
    yield from _quarantine()


def _case(
    name: str,
    batch: pd.DataFrame,
    *says: str,
    verdict: str = "refuse",
    files: dict[str, bytes] | None = None,
    **contract: Any,
) -> Case:
    landed = {f"orders/{DAY}.parquet": parquet(batch)} | (files or {})
    return Case(f"rule: {name}", "parquet", verdict, says, landed, changes={"contract": contract})


def _with(column: str, **rule: Any) -> dict[str, Any]:
    columns = use_case().contract.model_dump()["columns"]
    return columns | {column: columns[column] | rule}


def _days() -> Iterator[Case]:
    good = frame()
    again = good.assign(order=frame(EARLIER[-1])["order"])
    yield _case("last week's keys under today's times", again, "replayed", replayed={"days": 7})
    some = good.assign(order=[*frame(EARLIER[-1])["order"][:3], *good["order"][3:]])
    yield _case("three keys of last week", some, "replayed", f"3 of {ROWS}", replayed={"days": 7})
    fresh = {"freshness": {"max_silent_hours": 6}}
    yield _case("a day that ends at noon", good[:70], "freshness", **fresh)
    yield _case("a day that ends in the evening", good, verdict="pass", **fresh)
    trailing = {"trailing": {"days": 30, "min_days": 3}}
    learned = _with("amount", min=None, max=None, trailing_range={"widen": 0.5})
    dear = good.assign(amount=good["amount"] * 100)
    yield _case("cents, against a learned range", dear, "amount.trailing_range", columns=learned, **trailing)
    nothing = _with("note", max_null_share=1.0, max_null_increase=0.2, severity="refuse")
    silent = good.assign(note=None).astype({"note": "string"})
    yield _case("no notes, against the weeks before", silent, "note.null_baseline", columns=nothing)
    unseen = _with("country", categories=None, learn_categories=True)
    yield _case(
        "a country never seen", changed("country", "AT"), "country.categories", columns=unseen, **trailing
    )
    share = _with("country", max_unseen_share=0.05)
    few, many = changed("country", "AT", 2), changed("country", "AT", 30)
    yield _case("two new countries of few that may be", few, verdict="pass", columns=share)
    yield _case("thirty new countries where few may be", many, "country.categories", "25.0%", columns=share)


def _columns() -> Iterator[Case]:
    good = frame()
    code = _with("country", categories=None, pattern="[A-Z]{2}")
    for name, value in {"small letters": "de", "three letters": "DEU", "a line end": "DE\n"}.items():
        bad = changed("country", value)
        yield _case(f"a country in {name}, against a pattern", bad, "country.pattern", columns=code)
    rule = {"kind": "implies_null", "when": "late", "then": ["note"]}
    open_ = good.assign(late=good["late"].astype("boolean").mask(good.index < 9), note="left at the door")
    yield _case("a note without an outcome", open_, "late:null->note:null", f"9 of {ROWS}", rows=[rule])
    equal = {"kind": "compare", "left": "order", "op": ">", "right": "amount"}
    small = good.assign(order=range(1, ROWS + 1))
    yield _case("an order below its amount", small, "order>amount", rows=[equal])


def _tables() -> Iterator[Case]:
    countries = {"orders/countries.parquet": parquet(pd.DataFrame({"code": ["DE", "FR"]}))}
    rule = {"columns": ["country"], "file": "orders/countries.parquet", "to": ["code"]}
    yield _case(
        "countries that a table does not know",
        frame(),
        "country.in.orders",
        files=countries,
        references=[rule],
    )
    yield _case("a table that is missing", frame(), "countries.parquet", "is missing", references=[rule])
    other = {"orders/countries.parquet": parquet(pd.DataFrame({"name": ["DE"]}))}
    yield _case("a table without the column", frame(), "code", files=other, references=[rule])
    broken = {"orders/countries.parquet": b"PAR1"}
    yield _case(
        "a table that is no Parquet",
        frame(),
        "too small to be a Parquet file",
        files=broken,
        references=[rule],
    )


def _quarantine() -> Iterator[Case]:
    aside = {"rules": {"amount.range": {"severity": "quarantine"}}}
    few, many = changed("amount", -1.0, 3), changed("amount", -1.0, 60)
    for rows in (few, many):
        rows["amount"] = rows["amount"].astype("float64")
    yield _case("three rows set aside", few, "amount.range", verdict="warn", **aside)
    yield _case("half of the rows set aside", many, "quarantined", "50.0%", **aside)
    let_in = {"rules": {"amount.range": {"mode": "fail_open"}}}
    yield _case("a rule that fails open", few, "amount.range", "fail_open", verdict="warn", **let_in)
    yield _case(
        "a contract that fails open", few, "amount.range", "fail_open", verdict="warn", mode="fail_open"
    )
    none = changed("amount", -1.0, ROWS)
    none["amount"] = none["amount"].astype("float64")
    wide = aside | {"max_quarantined_share": 1.0}
    yield _case("every row set aside", none, "amount.range", **wide)
