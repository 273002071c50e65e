"""The documentation page of a feature set: definitions, how values are spread, importance, users."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.champions import Champion, newest_champion
from include.errors import AirlockError
from include.feature_definitions import PAGE
from include.features.plots import draw
from include.html_pages import render
from include.registry import IMPORTANCE_FILE

if TYPE_CHECKING:
    from include.feature_definitions import Definition
    from include.features.catalogue import Catalogue
    from include.use_case import UseCase
    from include.workspace import Workspace

_TEMPLATE = Path(__file__).parent / "templates" / "features.html"
_SHOWN_PARTITIONS = 400
_PROFILE_COLUMNS = ["partition", "column", "kind", "count", "nulls", "quantiles", "categories"]


@dataclass(frozen=True)
class _Shown:
    """One feature on the page; what is not known is empty."""

    definition: Definition
    picture: str
    missing: str
    importance: str
    rank: str


def publish_page(use_case: UseCase, found: Catalogue, workspace: Workspace) -> tuple[bytes, str]:
    """Render the page of today's features, keep it among the reports, and return it with its address."""
    content = render_page(use_case, found, workspace)
    key = f"{use_case.name}/{PAGE}"
    workspace.reports.put(key, content)
    return content, workspace.reports.address(key)


def render_page(use_case: UseCase, found: Catalogue, workspace: Workspace) -> bytes:
    """Render one HTML file that needs no other."""
    today = found.sets[0]
    champion = newest_champion(workspace.ledger, use_case.name)
    importance, said = _importance(champion, workspace)
    return render(
        _TEMPLATE,
        use_case=use_case,
        found=found,
        today=today,
        champion=champion,
        importance_note=said,
        features=_shown(use_case, found, importance, workspace),
    )


def _shown(
    use_case: UseCase, found: Catalogue, importance: dict[str, float], workspace: Workspace
) -> list[_Shown]:
    today, lake = found.sets[0], workspace.lake
    if today.definitions is None:
        return []
    days = lake.partitions(use_case.name, "feature_profiles", feature_set_version=today.version)
    parts = {}
    if days:
        profiles = lake.read(
            use_case.name,
            "feature_profiles",
            partitions=days[-_SHOWN_PARTITIONS:],
            columns=_PROFILE_COLUMNS,
            feature_set_version=today.version,
        )
        parts = {str(name): part for name, part in profiles.groupby("column")}
    ranks = sorted(importance, key=lambda name: -importance[name])
    shown = []
    for one in today.definitions.features:
        part = parts.get(one.name)
        share = None if part is None else part["nulls"].sum() / max(part["count"].sum(), 1)
        shown.append(
            _Shown(
                definition=one,
                picture="" if part is None else base64.b64encode(draw(part)).decode(),
                missing="" if share is None else f"{share:.1%}",
                importance=f"{importance[one.name]:+.4f}" if one.name in importance else "",
                rank=str(ranks.index(one.name) + 1) if one.name in importance else "",
            )
        )
    return shown


def _importance(champion: Champion | None, workspace: Workspace) -> tuple[dict[str, float], str]:
    """Return what is kept with the champion about its features, and why there is nothing if so."""
    if champion is None:
        return {}, "There is no champion yet, so no importance is known."
    try:
        folder = workspace.registry.model_folder(champion.model)
    except AirlockError as error:
        return {}, f"The importance in the champion is not shown: {error}"
    path = next(folder.rglob(IMPORTANCE_FILE), None)
    if path is None:
        return {}, "No importance was kept with the champion."
    return json.loads(path.read_text(encoding="utf-8")), ""
