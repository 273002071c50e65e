"""`./airlock features` and `./airlock rebuild-features`: what features there are, and building them again."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.commands.options import examples, json_option, open_workspace, partition_key
from cli.commands.output import note, print_heading, print_json, print_table, waiting
from cli.production import refuse_in_production

if TYPE_CHECKING:
    from cli.records import Running
    from include.features.catalogue import Catalogue, FeatureSetState
    from include.features.rebuilding import Rebuilt
    from include.use_case import UseCase
    from include.workspace import Workspace

_NAMED = 10


@click.command(
    epilog=examples(
        "./airlock features flights",
        "./airlock features flights --check      exit code 1 when days are to be built again",
        "./airlock features flights --page features.html",
        "./airlock features flights --json | jq '.sets[].version'",
    ),
)
@click.argument("use_case")
@click.option("--check", is_flag=True, help="Exit with 1 when partitions are to be built again.")
@click.option("--page", metavar="FILE", help="Write the documentation page of today's features (HTML).")
@json_option
@click.pass_context
def features(ctx: click.Context, use_case: str, check: bool, page: str | None, as_json: bool) -> None:
    """Show the features of a use case: definitions, versions, users, what is out of date.

    A version names a set of definitions with their code and libraries. Rows and models name the
    version that they were made with. Several versions may stand side by side while models that
    learned from the older one are in use.
    """
    from include.features.catalogue import catalogue

    workspace = open_workspace()
    declared = workspace.use_case(use_case)
    with waiting("comparing the tables with the definitions"):
        found = catalogue(declared, workspace)
    if page:
        from include.features.page import publish_page

        with waiting("drawing the page"):
            content, kept = publish_page(declared, found, workspace)
        Path(ctx.find_object(Path) or Path.cwd(), page).write_bytes(content)
        note(f"Written to {page}; kept as {kept}")
    if as_json:
        print_json(found)
    else:
        _print(found)
    if check and found.stale:
        ctx.exit(1)


def _print(found: Catalogue) -> None:
    today = found.sets[0]
    print_heading(f"{found.use_case}: features of today, version {today.version}")
    if today.definitions is not None:
        columns = ("name", "kind", "from", "inputs", "allowed", "nulls up to", "online", "owner", "is")
        rows = [
            (
                one.name,
                one.kind,
                one.source,
                ", ".join(one.inputs),
                _range(one.low, one.high),
                f"{one.max_null_share:.0%}",
                one.online.replace("_", " "),
                one.owner,
                one.description,
            )
            for one in today.definitions.features
        ]
        print_table(columns, rows, whole=("name", "kind", "from"))
    print_heading("versions")
    print_table(
        ("version", "file", "partitions", "first", "last", "rows", "models", "in use as"),
        [_version_row(one) for one in found.sets],
        whole=("version", "first", "last"),
    )
    for text in found.notes:
        note(text)
    _print_stale(found.use_case, found.stale)


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "any"
    return f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"


def _version_row(one: FeatureSetState) -> tuple[object, ...]:
    file = {"today": "features.py", "": "none any more"}.get(one.role, one.role)
    models = ", ".join(one.models[:_NAMED]) + (" ..." if len(one.models) > _NAMED else "")
    aliases = ", ".join(f"{alias} ({version})" for alias, version in one.aliases.items())
    return (
        one.version,
        file,
        one.partitions,
        one.first,
        one.last,
        one.rows,
        models or "none",
        aliases or "-",
    )


def _print_stale(use_case: str, stale: dict[str, str]) -> None:
    if not stale:
        note("All partitions are as their definitions and inputs say")
        return
    days = list(stale)
    print_heading(f"{len(days)} partitions are to be built again")
    print_table(("partition", "because"), list(stale.items())[:_NAMED])
    if len(days) > _NAMED:
        note(f"... and {len(days) - _NAMED} more, up to {days[-1]}")
    note(f"Build them with: ./airlock rebuild-features {use_case} --from {days[0]} --to {days[-1]}")


@click.command(
    epilog=examples(
        "./airlock rebuild-features flights --from 2013-01-01 --to 2013-03-31 --dry-run",
        "./airlock rebuild-features flights --from 2013-01-01 --to 2013-03-31",
        "./airlock rebuild-features flights --from 2013-01-01 --to 2013-03-31 --here --all",
    ),
    name="rebuild-features",
)
@click.argument("use_case")
@click.option("--from", "first", required=True, callback=partition_key, metavar="DATE", help="First date.")
@click.option("--to", "last", required=True, callback=partition_key, metavar="DATE", help="Last date.")
@click.option("--dry-run", is_flag=True, help="Only list what would be built, and why.")
@click.option("--all", "every", is_flag=True, help="Build every date, not only those out of date.")
@click.option("--here", is_flag=True, help="Build in this process; scoring and monitoring do not follow.")
@json_option
@click.pass_context
def rebuild_features(  # noqa: PLR0917 -- click passes options by name
    ctx: click.Context,
    use_case: str,
    first: str,
    last: str,
    dry_run: bool,
    every: bool,
    here: bool,
    as_json: bool,
) -> None:
    """Build features of past dates again, after a change of definitions, batches or side tables.

    Dates that are out of date are listed with the reason. Where Airflow runs, its DAG
    USE_CASE.rebuild_features builds them in one run, and scoring and monitoring of the dates that
    changed follow. Without Airflow they are built here. Repeating it changes no byte.
    """
    from include import partitions
    from include.features.rebuilding import rebuild, stale

    days = partitions.asked_span(first, last)
    workspace = open_workspace()
    declared = workspace.use_case(use_case)
    if not dry_run:
        instead = f"Start the DAG {declared.name}.rebuild_features in Airflow, or look with --dry-run"
        refuse_in_production(workspace.settings, "rebuild-features", instead=instead)
    published = set(workspace.lake.partitions(declared.name, "batches"))
    with waiting("looking for what is out of date"):
        reasons = stale(declared, days, workspace)
    wanted = [day for day in days if (day in published if every else day in reasons)]
    if not as_json:
        _print_plan(wanted, reasons)
    running = None if here or dry_run or not wanted else _airflow(workspace)
    rebuilt: Rebuilt | None = None
    run_id = ""
    if running is not None:
        run_id = _trigger(running, declared, first, last, every=every, workspace=workspace)
        note(f"Airflow run {run_id} of {declared.name}.rebuild_features builds them")
    elif wanted and not dry_run:
        with waiting(f"building {len(wanted)} dates"):
            rebuilt = rebuild(declared, wanted, actor=getpass.getuser(), workspace=workspace)
    if as_json:
        print_json({"stale": reasons, "wanted": wanted, "run_id": run_id, "rebuilt": rebuilt})
    elif rebuilt is not None:
        _print_rebuilt(rebuilt)
    if rebuilt is not None and rebuilt.refused:
        ctx.exit(1)


def _print_plan(wanted: list[str], reasons: dict[str, str]) -> None:
    if not wanted:
        note("Nothing is out of date in this range; --all builds it all the same")
        return
    print_heading(f"{len(wanted)} dates to build")
    print_table(("partition", "because"), [(day, reasons.get(day, "asked for")) for day in wanted])


def _print_rebuilt(found: Rebuilt) -> None:
    note(f"{len(found.changed)} changed, {len(found.unchanged)} were right already")
    if found.refused:
        print_table(("refused", "decision"), list(found.refused.items()))


def _airflow(workspace: Workspace) -> Running | None:
    """Return the Airflow that runs for this installation, if one does."""
    from cli import records

    running = records.read(Path(workspace.settings.home))
    return running if running is not None and running.alive and running.airflow_url else None


def _trigger(
    running: Running, use_case: UseCase, first: str, last: str, *, every: bool, workspace: Workspace
) -> str:
    from cli.airflow_api import AirflowApi

    with AirflowApi.of(workspace.settings, running.airflow_url) as api:
        dag_id = f"{use_case.name}.rebuild_features"
        if api.dag(dag_id).is_paused:
            api.set_paused(dag_id, False)
        return api.trigger(dag_id, conf={"from": first, "to": last, "all": every}).run_id
