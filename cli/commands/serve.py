"""`./airlock serve`: Airflow and MLflow on the settings of this installation, until Ctrl-C."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from rich.console import Console

from cli.commands.options import examples

if TYPE_CHECKING:
    from include.settings import Settings


@click.command(epilog=examples("./airlock serve", "./airlock serve --stop"))
@click.option("--stop", "stop_only", is_flag=True, help="Stop what an earlier `serve` left running.")
def serve(stop_only: bool) -> None:
    """Start Airflow and MLflow on the settings in .env, until Ctrl-C.

    New DAGs are paused: unpause those of a use case in the Airflow UI to put it on its schedule. Everything
    that is made at run time lies below AIRLOCK_HOME, and starting again goes on where it stopped. With
    AIRLOCK_MLFLOW_TRACKING_URI set, that MLflow server is used and none is started. Airflow's triggerer
    runs only where a use case declares `source.wait`; after adding the first one, serve again.
    """
    from cli import services
    from cli.credentials import passwords_file
    from include.mlflow_outages import without_login_shown
    from include.settings import get_settings

    settings, console = get_settings(), Console(highlight=False)
    if stop_only:
        ended = services.stop(settings)
        console.print(f"stopped: {', '.join(ended)}" if ended else "nothing was running")
        return
    plan = services.Plan(mlflow=not settings.mlflow_tracking_uri, triggerer=_somebody_waits(settings))
    with console.status("starting") as status:
        running = services.start(settings, plan, report=status.update)
    try:
        console.print(f"Airflow  {running.airflow_url}   user {settings.airflow_user}")
        console.print(f"         the password stands in {passwords_file(settings.home)}", soft_wrap=True)
        mlflow = running.mlflow_url or without_login_shown(settings.mlflow_tracking_uri)
        console.print(f"MLflow   {mlflow}\nCtrl-C stops both.")
        while services.find(settings):
            time.sleep(1)
    except KeyboardInterrupt:
        console.print("\nstopping")
    finally:
        services.stop(settings)


def _somebody_waits(settings: Settings) -> bool:
    """Tell whether a use case waits for its files, which takes Airflow's triggerer."""
    from include.errors import UseCaseError
    from include.use_case import load_use_case, use_case_names

    for name in use_case_names(settings):
        with suppress(UseCaseError):  # a broken declaration is told by Airflow, as an import error
            if load_use_case(name, settings).source.wait is not None:
                return True
    return False
