"""`./airlock up-local`: the installation of docker-compose.yaml as processes of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.commands.options import examples, read_settings

if TYPE_CHECKING:
    from include.settings import Settings


@click.command(epilog=examples("./airlock up-local", "./airlock up-local --stop"))
@click.option("--stop", "stop_only", is_flag=True, help="End what an earlier `up-local` started.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 16), help="Celery workers.")
def up_local(stop_only: bool, workers: int) -> None:
    """Start PostgreSQL, Redis, S3, MLflow and Airflow with two workers.

    All from Python packages (requirements-local.txt), on free ports of this machine, in folders of their
    own below AIRLOCK_HOME/local, where starting again goes on. The command returns when everything answers.
    """
    from rich.console import Console

    from cli import topology

    settings, console = local_settings(read_settings()), Console(highlight=False)
    if stop_only:
        ended = topology.stop(settings.home)
        console.print(f"stopped: {', '.join(ended)}" if ended else "nothing was running")
        return
    with console.status("starting") as status:
        made = topology.Topology(settings, workers=workers, report=status.update)
        running = made.start()
    console.print(f"Airflow  {running.airflow_url}   user {settings.airflow_user}")
    console.print(
        f"         the password stands in {made.secrets / 'airlock_airflow_password'}", soft_wrap=True
    )
    console.print(f"MLflow   {running.mlflow_url}\nS3       {made.shared.s3_endpoint_url}")
    console.print(
        f"Look closer: (set -a; . {settings.home / 'client.env'}; ./airlock status)\n"
        "End it with: make down-local",
        soft_wrap=True,
    )


def local_settings(settings: Settings) -> Settings:
    """Return the settings of `up-local`: those of the person, in a folder of its own."""
    return settings.model_copy(update={"home": settings.home / "local"})
