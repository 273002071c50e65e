"""The suite of a run, its results, and a page of both for people: kept beside the decision.

What a report is called follows from what it says, so a repeat writes nothing new.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from include.hashing import digest
from include.ingestion.rules.context import Report
from include.storage import ObjectStore

_SHORT = 16


def addresses(reports: list[Report], use_case: str, partition: str, store: ObjectStore) -> dict[str, str]:
    """Return where the page of each table is, whether it has been written yet or not."""
    return {report.table: store.address(f"{_key(report, use_case, partition)}.html") for report in reports}


def keep(reports: list[Report], use_case: str, partition: str, store: ObjectStore) -> None:
    """Write the suite, its results and the page of each table, unless they are there."""
    for report in reports:
        key = _key(report, use_case, partition)
        if store.exists(f"{key}.html"):
            continue
        suite, results = _plain(report.suite), _plain(report.results)
        store.put_if_absent(f"{key}.suite.json", json.dumps(suite, sort_keys=True).encode())
        store.put_if_absent(f"{key}.results.json", json.dumps(results, sort_keys=True).encode())
        store.put_if_absent(f"{key}.html", _page(report).encode())


def _key(report: Report, use_case: str, partition: str) -> str:
    results: list[Any] = report.results.results
    found = [
        [item.expectation_config.type, item.expectation_config.kwargs, item.success, item.result]
        for item in results
    ]
    name = digest(json.loads(json.dumps(found, default=str)))[:_SHORT]
    return f"{use_case}/ingestion/{partition}/{report.table}-{name}"


def _plain(words: Any) -> dict[str, Any]:
    plain: dict[str, Any] = words.to_json_dict()
    return plain


def _page(report: Report) -> str:
    """Return the page that Great Expectations' Data Docs have for a validation."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    renderer: Any = ValidationResultsPageRenderer(run_info_at_end=True)
    page: str = _view().render(renderer.render(report.results))
    return page


@cache
def _view() -> Any:
    """Return what fills in the page. A new one would compile its templates again, for every page."""
    from great_expectations.render.view.view import DefaultJinjaPageView

    return DefaultJinjaPageView()
