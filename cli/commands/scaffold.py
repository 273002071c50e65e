"""`./airlock scaffold`: a first use case from data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from cli.commands.options import examples, json_option, open_workspace
from cli.commands.output import print_json
from cli.main import printable


@click.command(
    epilog=examples(
        "./airlock scaffold loans.csv --name loans --target defaulted",
        "./airlock scaffold exports/ --name trips --target late --time leaves --timezone Europe/Berlin",
        "./airlock scaffold churn.parquet --name churn --target churned --key customer",
    ),
)
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--name", required=True, help="Name of the use case: small letters, digits and _.")
@click.option("--target", required=True, metavar="COLUMN", help="What is to be predicted.")
@click.option("--time", metavar="COLUMN", help="Time of the event. Default: the one column that holds times.")
@click.option("--key", multiple=True, metavar="COLUMN", help="Names a row, with others; default: found out.")
@click.option("--timezone", default="UTC", show_default=True, help="Whose calendar cuts rows into days.")
@json_option
@click.pass_context
def scaffold(
    ctx: click.Context,
    data: Path,
    *,
    name: str,
    target: str,
    time: str | None,
    key: tuple[str, ...],
    timezone: str,
    as_json: bool,
) -> None:
    """Make a first use case from a file or a folder of data.

    Looks at Parquet, CSV or JSON Lines files and writes a commented use_case.yaml and features.py, whose
    rules hold on these data, and the data as one file a day into the landing folder. Nothing is ever
    overwritten. The comments say how each limit was derived and what a person should look at first.
    """
    from include.scaffolding.scaffold import scaffold as make

    workspace = open_workspace()
    place = Path(ctx.find_object(Path) or Path.cwd(), data)
    made = make(
        place,
        name=name,
        target=target,
        time=time,
        key=key,
        timezone=timezone,
        use_cases=workspace.settings.use_cases_dir,
        landing=workspace.landing,
    )
    if as_json:
        print_json({**asdict(made), "folder": str(made.folder)})
        return
    click.echo(
        f"{made.folder}: use_case.yaml and features.py, from {made.rows} rows of {len(made.days)} days"
    )
    for line in made.attention:
        click.echo(printable(f"  look at  {line}"))
    click.echo(
        f"Next: read the two files, then ./airlock use-cases show {name}. The days have landed; unpause "
        f"{name}.ingest in Airflow, or backfill {made.days[0]} to {made.days[-1]}."
    )
