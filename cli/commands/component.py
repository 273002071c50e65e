"""`./airlock component NAME`: become one part of an installation that is spread over containers."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cli.commands.options import examples, read_settings


@click.command(epilog=examples("./airlock component worker-1", "./airlock component worker-1 --healthy"))
@click.argument("name")
@click.argument("given", nargs=-1)
@click.option("--healthy", is_flag=True, help="Only ask the running part how it is; exit 0 if it is well.")
@click.option("--queues", default="", help="Queues that a worker takes tasks from. Default: all.")
def component(name: str, given: tuple[str, ...], healthy: bool, queues: str) -> None:
    """Become one part of an installation: what containers run.

    The parts are api-server, execution-api, scheduler, dag-processor, triggerer, worker-1 and so on,
    mlflow, task, and prepare, which runs once before the others. Secrets come from the folder that
    AIRLOCK_SECRETS_DIR names; a part whose secrets are missing stops and says which.
    """
    from cli import components, health

    settings = read_settings()
    if healthy:
        health.examine(name, settings, os.environ)
        click.echo(f"{name} is well")
        return
    components.check(name, settings, os.environ)
    if folder := os.environ.get("TMPDIR"):
        # An empty volume may lie where the image had it; without it, files would be staged in memory.
        Path(folder).mkdir(parents=True, exist_ok=True)
    settings = components.allowed(name, settings)
    environment = components.environment_of(name, settings, inherited=os.environ)
    command = components.command_of(name, settings, queues=queues, given=given)
    # The part takes this process's place, so that it gets the signals that end it.
    os.execve(command[0], command, environment)  # noqa: S606 -- no shell is meant to be there
