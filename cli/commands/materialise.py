"""`./airlock materialise`: the state from which single requests are answered."""

from __future__ import annotations

import click

from cli.commands.options import examples, json_option, open_workspace, partition_key
from cli.commands.output import note, print_json, print_table
from cli.production import refuse_in_production


@click.command(
    epilog=examples(
        "./airlock materialise flights",
        "./airlock materialise flights --partition 2013-02-11",
        "./airlock materialise flights --json | jq -r '.[0].as_of'",
    ),
)
@click.argument("use_case")
@click.option(
    "--partition",
    metavar="DATE",
    callback=partition_key,
    help="Newest partition that the state may see. Default: the newest published one.",
)
@json_option
def materialise(use_case: str, partition: str | None, as_json: bool) -> None:
    """Renew the state from which single requests get their features.

    Values of entities and recent rows of side tables are put into the online store, for requests of the
    day after the partition. A newer state never goes back in time. The features DAG does the same after
    every partition when the use case sets `features.online.enabled`.
    """
    from include.features.online import refresh

    workspace = open_workspace()
    instead = "The features DAG renews the state after every partition, see features.online.enabled"
    refuse_in_production(workspace.settings, "materialise", instead=instead)
    heads = refresh(workspace.use_case(use_case), partition, workspace=workspace)
    if as_json:
        print_json([head.model_dump(mode="json") for head in heads])
        return
    print_table(("feature set", "as of"), [(head.feature_set_version, head.as_of) for head in heads])
    limit = workspace.use_case(use_case).features.online.max_staleness_days
    note(f"Requests of {heads[0].as_of} are answered exactly, and those of {limit} days more from this state")
