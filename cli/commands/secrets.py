"""`./airlock secrets FOLDER`: draw the secrets that containers are given as files."""

from __future__ import annotations

from pathlib import Path

import click

from cli.commands.options import examples, typed_address


@click.command(epilog=examples("./airlock secrets secrets"))
@click.argument("folder")
@click.option("--postgres", default="postgres:5432", show_default=True, help="Where PostgreSQL is reached.")
@click.option("--redis", default="redis:6379", show_default=True, help="Where Redis is reached.")
@click.pass_context
def secrets(ctx: click.Context, folder: str, postgres: str, redis: str) -> None:
    """Draw passwords and keys into a folder, one file each.

    docker-compose.yaml hands each container those that it needs.

    What was drawn before stays as it is; only the addresses are written again.
    """
    from cli.secret_files import Addresses, draw, write_addresses

    target = Path(typed_address(ctx, folder))
    draw(target)
    write_addresses(target, Addresses(postgres=postgres, redis=redis))
    click.echo(
        f"{len(list(target.iterdir()))} secrets lie in {target}; keep a copy where only you can read it"
    )
