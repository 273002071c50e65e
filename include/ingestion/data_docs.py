"""The pages that Great Expectations' Data Docs have for a validation, with their templates at hand.

Translating the templates costs more than all else of a page. It is done when this module is imported: by the
process that task processes are forked from, or else by the first page.
"""

from __future__ import annotations

from typing import Any

from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView


def _translated() -> Any:
    """Return a view whose environment holds all of its templates, ready to be filled in."""
    view: Any = DefaultJinjaPageView()
    for name in view.env.list_templates(extensions=["j2"]):
        view.env.get_template(name)
    return view


_VIEW = _translated()


def page_of(results: Any) -> str:
    """Return the HTML page of a validation's results."""
    renderer: Any = ValidationResultsPageRenderer(run_info_at_end=True)
    page: str = _VIEW.render(renderer.render(results))
    return page
