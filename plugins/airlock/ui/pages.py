"""Pages for decisions and reports, behind Airflow's own login and permissions.

Whoever may read a use case's monitor DAG may read its decisions and reports.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape

from airlock.ui.runs import left_by, references_in
from include.errors import AirlockError, NotFound
from include.feature_definitions import PAGE
from include.page_libraries import whole_page
from include.use_case import use_case_names
from include.workspace import Workspace

if TYPE_CHECKING:
    from include.decisions import Decision

_SHOWN = 200
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(default=True)
)
# Reports are made from data that others delivered: they run without the session of the person who reads them.
_REPORT_HEADERS = {
    "Content-Security-Policy": "sandbox allow-scripts; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
}


def _require(use_case: str, request: Request, user: GetUserDep) -> None:
    requires_access_dag("GET", param_dag_id=f"{use_case}.monitor")(request, user)


def _page(template: str, **values: object) -> HTMLResponse:
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values))


router = APIRouter()


def create_app() -> FastAPI:
    """Return the app that Airflow mounts under /airlock."""
    app = FastAPI(title="Airlock", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.workspace = Workspace()
    app.include_router(router)
    return app


def _workspace(request: Request) -> Workspace:
    workspace: Workspace = request.app.state.workspace
    return workspace


Stores = Annotated[Workspace, Depends(_workspace)]


@router.get("/")
def decisions(
    request: Request,
    user: GetUserDep,
    workspace: Stores,
    use_case: Annotated[str | None, Query(max_length=128)] = None,
    gate: Annotated[str | None, Query(max_length=64)] = None,
) -> HTMLResponse:
    """List the newest decisions of the use cases that the user may read."""
    names = [use_case] if use_case else use_case_names(workspace.settings)
    found: list[Decision] = []
    for name in names:
        if use_case or len(names) == 1:
            _require(name, request, user)
        elif not _may_read(name, request, user):
            continue
        found += workspace.ledger.find(use_case=name, gate=gate, limit=_SHOWN)
    found.sort(key=lambda decision: (decision.as_of, decision.partition or ""), reverse=True)
    return _page(
        "decisions.html",
        decisions=found[:_SHOWN],
        use_case=use_case,
        gate=gate,
        features_page=_features_page(workspace, use_case),
    )


@router.get("/decisions/{decision_id}")
def decision(decision_id: str, request: Request, user: GetUserDep, workspace: Stores) -> HTMLResponse:
    """Show one decision whole."""
    try:
        found = workspace.ledger.get(decision_id)
    except NotFound as error:
        raise HTTPException(404, str(error)) from error
    _require(found.use_case, request, user)
    return _page("decision.html", decision=found)


@router.get("/run")
def run(
    *,
    dag_id: Annotated[str, Query(max_length=250)],
    run_id: Annotated[str, Query(max_length=250)],
    request: Request,
    user: GetUserDep,
    session: SessionDep,
    workspace: Stores,
) -> HTMLResponse:
    """List what the tasks of one DAG run decided, and their reports."""
    requires_access_dag("GET", DagAccessEntity.RUN, param_dag_id=dag_id)(request, user)
    ids, reports = references_in(left_by(session, dag_id, run_id))
    decisions = [found for name in ids if (found := _decided(workspace, name)) is not None]
    return _page(
        "run.html",
        dag_id=dag_id,
        run_id=run_id,
        decisions=[found for found in decisions if _may_read(found.use_case, request, user)],
        reports=reports,
    )


@router.get("/reports/{use_case}/{partition}/{name}")
def report(
    use_case: str, partition: str, name: str, _: Annotated[None, Depends(_require)], workspace: Stores
) -> HTMLResponse:
    """Show a stored report."""
    try:
        content = whole_page(workspace.reports, f"{use_case}/{partition}/{name}")
    except AirlockError as error:
        raise HTTPException(
            404,
            "There is no such report. It may not be drawn yet: look at <use case>.report. Or its script is "
            "gone until the next page is written",
        ) from error
    return HTMLResponse(content.decode(), headers=_REPORT_HEADERS)


def _decided(workspace: Workspace, name: str) -> Decision | None:
    """Return the decision of this very id, and None where the id is that of something else."""
    try:
        found = workspace.ledger.get(name)
    except NotFound:
        return None
    return found if found.id == name else None


def _features_page(workspace: Workspace, use_case: str | None) -> str:
    """Return where the page of a use case's features is shown; empty where none was made."""
    known = use_case is not None and use_case in use_case_names(workspace.settings)
    if not known or not workspace.reports.exists(f"{use_case}/{PAGE}"):
        return ""
    return f"/airlock/reports/{use_case}/{PAGE}"


def _may_read(use_case: str, request: Request, user: GetUserDep) -> bool:
    try:
        _require(use_case, request, user)
    except HTTPException:
        return False
    return True
