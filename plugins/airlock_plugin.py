"""The one plugin of Airlock. Every task process loads this file, so it imports nothing that it can avoid."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class _Pages:
    """The pages' app, built only where it is asked for: in the API server."""

    def __get__(self, instance: object, owner: type) -> list[dict[str, Any]]:
        from airlock.ui.pages import create_app

        return [{"app": create_app(), "url_prefix": "/airlock", "name": "airlock"}]


class AirlockPlugin(AirflowPlugin):
    """Decisions and reports inside the Airflow UI."""

    name = "airlock"
    fastapi_apps = _Pages()
    external_views = [  # noqa: RUF012 -- the attribute's form is Airflow's
        {
            "name": "Decisions",
            "href": "/airlock/",
            "destination": "nav",
            "category": "browse",
            "url_route": "airlock-decisions",
        },
        {
            "name": "Decisions and reports",
            # Airflow puts in the run that is looked at.
            "href": "/airlock/run?dag_id={DAG_ID}&run_id={RUN_ID}",
            "destination": "dag_run",
            "url_route": "airlock-run",
        },
    ]
