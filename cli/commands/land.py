"""`./airlock land`: real flights into the landing folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from cli.commands.options import examples, json_option, partition_key, read_settings, typed_address
from cli.commands.output import note, print_json, stderr
from cli.production import refuse_in_production

_TABLES = 5


@click.command(
    epilog=examples(
        "./airlock land --from 2013-01-01 --to 2013-02-24",
        "./airlock land --from 2013-02-08 --to 2013-02-09 --into /tmp/blizzard",
        "./airlock land --from 2013-01-01 --to 2013-01-07 --into s3://bucket/landing",
    ),
)
@click.option(
    "--from", "first", metavar="DATE", callback=partition_key, required=True, help="First date, in 2013."
)
@click.option(
    "--to", "last", metavar="DATE", callback=partition_key, required=True, help="Last date, included."
)
@click.option(
    "--into",
    metavar="URL",
    help="A folder, or s3://bucket/prefix. Default: the landing folder of the settings, AIRLOCK_LANDING_URL.",
)
@json_option
@click.pass_context
def land(ctx: click.Context, first: str, last: str, into: str | None, as_json: bool) -> None:
    """Land real flights of 2013 as daily files.

    Plays the upstream system: the flights that left New York City in 2013, with the weather at its
    airports, are written as one file a day, where the ingestion looks for them. Landing a date twice
    changes nothing; nothing is ingested yet.
    """
    from cli.landing import land_flights

    settings = read_settings()
    refuse_in_production(settings, "land", instead="Real upstream systems put their files there.")
    target = typed_address(ctx, into) if into else settings.landing
    with _progress() as tell:
        report = land_flights(target, first, last, progress=tell)
    if as_json:
        figures = {
            "files_written": report.files_written,
            "files_unchanged": report.files_unchanged,
            "rows": report.rows,
        }
        print_json({"landing": target, "first": first, "last": last, **figures})
    else:
        click.echo(f"{target}: {report}")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show a bar over the tables on a terminal, and lines elsewhere."""
    console = stderr()
    if not console.is_terminal:
        yield note
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("landing", total=_TABLES)

        def tell(line: str) -> None:
            bar.update(task, advance=1, description=line)

        yield tell
