"""`./airlock rollback`: put an earlier champion in use again."""

from __future__ import annotations

import getpass

import click

from cli.commands.options import examples, json_option, open_workspace
from cli.commands.output import labelled, print_facts, print_json, waiting
from cli.production import decided_by_airflow


@click.command(
    epilog=examples(
        './airlock rollback flights --reason "wrong on the west coast since Monday"',
        './airlock rollback flights --to 3 --reason "the last one before the new carrier"',
        "./airlock champions flights          which versions there were",
    ),
)
@click.argument("use_case")
@click.option(
    "--to", metavar="VERSION", help="Version to return to; the champion before this one if left out."
)
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever reads the ledger later.")
@json_option
def rollback(use_case: str, to: str | None, reason: str, as_json: bool) -> None:
    """Put an earlier champion in use again, with a reason in the ledger.

    The decision is recorded with your user name, then MLflow's alias is set. The version decides from
    the day after the newest scored partition on; what was scored stays as it is. The version that is
    taken out of use is not promoted again by any training; --to brings it back. The DAG
    USE_CASE.rollback does the same from Airflow; in production (AIRLOCK_PRODUCTION) this command starts
    that DAG with your token, AIRLOCK_API_TOKEN.
    """
    from include.promotion.rollback import roll_back

    workspace = open_workspace()
    declared = workspace.use_case(use_case)
    with waiting("checking the version's files"):
        if workspace.settings.production:
            decision = decided_by_airflow(
                workspace,
                f"{declared.name}.rollback",
                task_id="roll_back",
                gate="rollback",
                conf={"to": to, "reason": reason},
            )
        else:
            decision = roll_back(declared, to=to, reason=reason, actor=getpass.getuser(), workspace=workspace)
    if as_json:
        print_json(decision)
        return
    print_facts(
        [
            ("verdict", decision.verdict),
            *labelled("reasons", decision.reasons),
            ("actor", decision.actor),
            ("decision", decision.id),
        ]
    )
