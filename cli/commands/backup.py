"""`./airlock backup` and `./airlock restore`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console

from cli.commands.options import examples, json_option, open_workspace, typed_address


@click.command(
    epilog=examples("./airlock backup /backups/2013-02-11", "./airlock backup s3://backups/2013-02-11")
)
@click.argument("target")
@json_option
@click.pass_context
def backup(ctx: click.Context, target: str, as_json: bool) -> None:
    """Copy ledger, MLflow and lake into a folder or a bucket.

    Ingestion may go on meanwhile. Keys and passwords are not copied: keep the signing key
    (AIRLOCK_SIGNING_KEY, or AIRLOCK_HOME/keys) in another place; without it, restored models cannot be
    checked.
    """
    from include.backups.copies import backup as copy

    errors = Console(stderr=True, highlight=False)
    address = typed_address(ctx, target)
    manifest = copy(address, open_workspace(), report=lambda step: errors.print(f"copying {step}"))
    if as_json:
        click.echo(json.dumps(asdict(manifest), indent=2))
        return
    click.echo(
        f"{address}: {manifest.decisions} decisions, {len(manifest.tables)} tables, "
        f"{sum(manifest.files.values())} files. Head of the ledger: {manifest.head}"
    )


@click.command(epilog=examples("./airlock restore /backups/2013-02-11"))
@click.argument("source")
@json_option
@click.pass_context
def restore(ctx: click.Context, source: str, as_json: bool) -> None:
    """Put a backup into an empty installation, and check that it holds.

    The ledger's chain is walked, the champions are loaded and the tables are read at the versions that the
    ledger names. Exit code 1 if anything does not hold.
    """
    from include.backups.copies import restore as put_back

    errors = Console(stderr=True, highlight=False)
    found = put_back(
        typed_address(ctx, source), open_workspace(), report=lambda step: errors.print(f"restoring {step}")
    )
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        for one in found:
            click.echo(f"{'holds' if one.holds else 'BROKEN'}  {one.what}: {one.told}")
    if not all(one.holds for one in found):
        raise click.exceptions.Exit(1)
